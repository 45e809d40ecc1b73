"""The servable of a loaded estimator: its methods, one for each output, called by the signatures that it has."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from bms.adapters.runtimes.sklearn.denylist import refused
from bms.adapters.runtimes.sklearn.inputs import InputForm
from bms.adapters.runtimes.sklearn.methods import Calls
from bms.adapters.runtimes.sklearn.signature import REFUSALS
from bms.core.errors import BmsError, FailedPrecondition, Internal
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array
from bms.serving.inference.reasons import reason


class Called(NamedTuple):
    """A signature, the form of input to call the estimator with, and rows that it ran on."""

    signature: Signature
    way: InputForm
    calls: Calls
    example: Mapping[str, Array]


class SklearnServable:
    """The servable; keeps `Servable`'s contract; `threads` may compute at once."""

    def __init__(self, called: dict[str, Called], format: str, threads: int) -> None:
        self.signatures = {name: one.signature for name, one in called.items()}
        self.examples = {name: one.example for name, one in called.items()}  # `ExemplaryServable`
        self.format = format
        self._called = called
        self._threads = threads

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        if not self._called:
            raise FailedPrecondition("this servable is closed")
        one = self._called[signature]
        names = outputs or tuple(spec.name for spec in one.signature.outputs)
        try:
            with self._in_threads():
                rows = one.way.rows(inputs)
                return {name: one.calls[name](rows) for name in names}
        except (BmsError, MemoryError):
            raise
        except REFUSALS as error:
            raise refused(error, one.signature, inputs) from error
        except Exception as error:  # whatever a library within the estimator raises
            if type(error).__name__ == "LightGBMError":  # its only word for rows that it can't take
                raise refused(error, one.signature, inputs) from error
            raise Internal(f"the estimator failed: {reason(error)}") from error

    def close(self) -> None:
        self._called = {}

    def _in_threads(self) -> AbstractContextManager[object]:
        """Where several may compute, they are threads: joblib's own choice would start processes."""
        if self._threads == 1:
            return nullcontext()
        import joblib  # type: ignore[import-not-found]

        context: AbstractContextManager[object] = joblib.parallel_config(backend="threading", n_jobs=self._threads)
        return context
