"""scikit-learn estimators, from skops files or, where allowed, from pickles."""

from collections.abc import Callable, Mapping
from typing import Any

from bms.adapters.runtimes.artifact import first_format, model_file
from bms.adapters.runtimes.declared import settled
from bms.adapters.runtimes.sklearn_file import SUFFIXES, format_of, read_estimator
from bms.adapters.runtimes.sklearn_signature import INPUT, REFUSALS, calls_of, inferred
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.programs import ServableConfig
from bms.core.signature import DEFAULT, Signature
from bms.core.tensor import Array
from bms.serving.inference.runtime import Found


class SklearnRuntime:
    """Runs a fitted estimator or pipeline: see `sklearn_signature` for how it is called."""

    name = "sklearn"

    def recognises(self, directory: str) -> Found | None:
        format = first_format(directory, format_of)
        return None if format is None else Found(format, ("scikit-learn", *(("skops",) if format == "skops" else ())))

    def load(self, config: ServableConfig) -> "SklearnServable":
        path = model_file(config.directory, SUFFIXES, self)
        estimator, format = read_estimator(path, allow_pickle=config.allow_pickle)
        _limit_threads(estimator, config.threads)
        calls = calls_of(estimator)
        found = inferred(estimator, calls)
        said = {name: settled(name, signature, found) for name, signature in config.signatures.items()}
        return SklearnServable(calls, said or {DEFAULT: found}, format)


class SklearnServable:
    """An estimator's methods, one for each output, and the signatures they are called by."""

    def __init__(self, calls: dict[str, Callable[[Any], Any]], signatures: dict[str, Signature], format: str) -> None:
        self.signatures = signatures
        self.format = format
        self._calls = calls

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        if not self._calls:
            raise FailedPrecondition("this servable is closed")
        wanted = self.signatures[signature]
        names = outputs or tuple(spec.name for spec in wanted.outputs)
        try:
            return {name: self._calls[name](inputs[INPUT]) for name in names}
        except REFUSALS as error:
            raise InvalidArgument(
                f"the estimator could not run on these inputs: {type(error).__name__}: {str(error)[:300]}"
            ) from error

    def close(self) -> None:
        self._calls = {}


def _limit_threads(estimator: Any, threads: int) -> None:
    try:
        import threadpoolctl  # type: ignore[import-not-found]
    except ImportError as error:
        raise FailedPrecondition(
            "runtime 'sklearn' needs scikit-learn with threadpoolctl in the environment"
        ) from error
    threadpoolctl.threadpool_limits(threads)
    if hasattr(estimator, "get_params"):
        jobs = [name for name in estimator.get_params() if name == "n_jobs" or name.endswith("__n_jobs")]
        estimator.set_params(**dict.fromkeys(jobs, threads))
