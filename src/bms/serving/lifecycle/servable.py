"""The port to loaded models: a servable is one version that a runtime has loaded and that can be run."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from bms.core.tensors.sequences import Sequence, SequenceLimits
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array

Arrays = Mapping[str, Array]


class Servable(Protocol):
    """Contract, checked by one suite against every runtime:

    1. `signatures` never changes after loading and names at least one way to call the model.
    2. `infer` takes inputs that `check_inputs` accepted, all of them, and gives exactly the wanted outputs (empty:
       all of the signature's), with the signature's types and shapes; BYTES are object arrays of `bytes`.
    3. The rows of a batched signature are independent: row i of the answer depends on row i of the inputs alone.
    4. The same inputs give the same outputs; inputs are neither changed nor kept.
    5. `infer` may be called from several threads at once. A failed call leaves the servable usable.
    6. It raises InvalidArgument when the inputs' content is at fault, Internal when the model failed.
    7. `close` frees what was loaded; closing twice is one effect. After it, `infer` raises FailedPrecondition.
    """

    @property
    def format(self) -> str:
        """The format that was recognised by content, e.g. "onnx"."""
        ...

    @property
    def signatures(self) -> dict[str, Signature]: ...

    def infer(self, signature: str, inputs: Arrays, outputs: tuple[str, ...] = ()) -> dict[str, Array]: ...

    def close(self) -> None: ...


@runtime_checkable
class StreamingServable(Protocol):
    """A servable some of whose signatures answer with many sets of outputs, e.g. text as it is generated.

    `stream` is stepped from one thread; closing the iterator stops the work at its next step.
    """

    @property
    def streaming(self) -> frozenset[str]:
        """The names of the signatures to be called by `stream`; they are never batched."""
        ...

    def stream(self, signature: str, inputs: Arrays, outputs: tuple[str, ...] = ()) -> Iterator[dict[str, Array]]: ...


@runtime_checkable
class StatefulServable(Protocol):
    """A servable some of whose signatures keep state from one request of a sequence to the next.

    `step` is called by one thread, in the order in which the steps of a sequence came; `infer` of such a signature is a
    sequence of one step.
    """

    model: str

    @property
    def stateful(self) -> Mapping[str, SequenceLimits]:
        """The limits of the signatures to be called by `step`, by name; they are never batched."""
        ...

    def step(
        self, signature: str, inputs: Arrays, sequence: Sequence, outputs: tuple[str, ...] = ()
    ) -> dict[str, Array]: ...


@runtime_checkable
class ParameterizedServable(Protocol):
    """A servable some of whose signatures have parameters (`params`)."""

    def infer_with(
        self, signature: str, inputs: Arrays, outputs: tuple[str, ...], params: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Runs as `infer` does, with values for some parameters instead of their defaults."""
        ...


@runtime_checkable
class ExemplaryServable(Protocol):
    """A servable with example inputs of its maker: rows to warm it up with, since it may not run on synthetic ones."""

    examples: Mapping[str, Arrays]
    """By the names of signatures; those without one are not among them."""


@runtime_checkable
class PartlyRead(Protocol):
    """A servable, or a plan, whose artifact holds something that is not understood here though it may matter."""

    unread: tuple[str, ...]
    """File and key of each, e.g. "tokenizer_config.json: fold_umlauts"."""


@runtime_checkable
class ApartServable(Protocol):
    """A servable that says why rows don't share a run, for signatures whose shapes would allow it."""

    apart: Mapping[str, str]
    """Words for the maker, by the names of signatures."""


@runtime_checkable
class WaitingServable(Protocol):
    """A servable whose runs may wait long for something else: they never run in the event loop, however short they have
    been."""

    waits: bool


@runtime_checkable
class InterruptibleServable(Protocol):
    """A servable whose run can be stopped, e.g. because nobody waits for it any more."""

    def interrupt(self) -> None:
        """Makes an `infer` that runs in another thread fail soon; called when none runs, it changes nothing for the
        next one that begins after it returned."""
        ...
