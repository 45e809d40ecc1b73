"""The scikit-learn runtime: estimators from skops files or, where allowed, from pickles."""

import os
import warnings
from collections.abc import Mapping
from typing import Any

from bms.adapters.runtimes.artifacts.description import described
from bms.adapters.runtimes.artifacts.model_file import first_format, model_file, top_files
from bms.adapters.runtimes.examples.file import read_example
from bms.adapters.runtimes.mlflow.example import mlflow_example
from bms.adapters.runtimes.servables.signature_resolution import alone, not_batched
from bms.adapters.runtimes.sklearn.file import SUFFIXES, format_of, read_estimator
from bms.adapters.runtimes.sklearn.loading import called_by, fitted_from
from bms.adapters.runtimes.sklearn.parts import parts
from bms.adapters.runtimes.sklearn.requirements import needs_of
from bms.adapters.runtimes.sklearn.servable import Called, SklearnServable
from bms.core.errors import FailedPrecondition
from bms.core.formats.pickles import refusal
from bms.core.tensors.signature import Signature
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.runtime import Recognition

_ANSWERING = frozenset({"predict", "predict_proba", "predict_log_proba", "decision_function", "default"})


class SklearnRuntime:
    """Runs a fitted estimator or pipeline: `sklearn.ways` says what it is handed, `sklearn.calls` what it gives."""

    name = "sklearn"

    def recognises(self, directory: str) -> Recognition | None:
        format = first_format(directory, format_of)
        if format is None:
            return None
        path = next(path for path in top_files(directory) if format_of(path) == format)
        own = ("scikit-learn", "skops") if format == "skops" else ("scikit-learn",)
        pickled = "" if format == "skops" else refusal(os.path.basename(path))
        return Recognition(format, (*own, *needs_of(path, format)), pickled=pickled)

    def load(self, config: ServableConfig) -> SklearnServable:
        path = model_file(config.directory, SUFFIXES, self)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            estimator, format = read_estimator(path, allow_pickle=config.allow_pickle)
        _refuse_files(estimator)
        _limit_threads(estimator, config.threads)
        fitted = fitted_from(estimator, read_example(config.directory) or mlflow_example(config.directory))
        try:
            called = called_by(fitted, config.signatures)
        except FailedPrecondition as error:
            raise FailedPrecondition(error.message + _older([one.message for one in told])) from error
        batched = described(config.directory).batched
        if batched and not config.proved:
            _refuse_dependent(called, config.signatures)
        if batched is False:
            called = {name: one._replace(signature=alone(name, one.signature)) for name, one in called.items()}
        return SklearnServable(called, format, config.threads)


def _refuse_dependent(called: Mapping[str, Called], declared: Mapping[str, Signature]) -> None:
    """Of what is declared batched. Raises FailedPrecondition."""
    for name, one in called.items():
        if not one.signature.batched:
            said = name in declared and not declared[name].batched
            raise not_batched(name, one.signature, "" if said else "it answers a row differently in a batch than alone")


def _refuse_files(estimator: Any) -> None:
    """A vectoriser may be set to take the names of files and read them: a caller's text would choose which.

    A pipeline may keep a folder of pickles for what it fitted; nothing is fitted here, so it is given none. A scorer
    may name any method to be called, of which those are let that answer and do no more.
    """
    for part in parts(estimator):
        if getattr(part, "memory", None) is not None:
            part.memory = None
        methods = getattr(part, "_response_method", None)
        for method in [methods] if isinstance(methods, str) else methods or ():
            if method not in _ANSWERING:
                raise FailedPrecondition(f"the file holds a scorer that calls {str(method)[:80]!r}: leave it out")
        if hasattr(part, "build_analyzer") and vars(part).get("input", "content") != "content":
            raise FailedPrecondition(
                f"the {type(part).__name__} reads files by name (input={part.input!r}): fit it on the texts "
                "themselves, input='content'"
            )


def _limit_threads(estimator: Any, threads: int) -> None:
    """Of native libraries, and of all estimators within: those that were fitted keep their own `n_jobs`."""
    try:
        import threadpoolctl  # type: ignore[import-not-found]
    except ImportError as error:
        raise FailedPrecondition(
            "runtime 'sklearn' needs scikit-learn with threadpoolctl in the environment"
        ) from error
    threadpoolctl.threadpool_limits(threads)
    for part in parts(estimator):
        if "n_jobs" in vars(part):
            part.n_jobs = threads


def _older(told: list[Any]) -> str:
    """What to do where another scikit-learn saved the model (its `InconsistentVersionWarning`)."""
    for warning in told:
        saved, here = (getattr(warning, f"{which}_sklearn_version", None) for which in ("original", "current"))
        if saved is not None:
            return f"; scikit-learn {saved} saved it, {here} opened it: ask for `--requirement scikit-learn=={saved}`"
    return ""
