"""The port to engines: each request goes in by itself, its answer comes out in parts, and many requests run at once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

from bms.core.errors import BmsError, ResourceExhausted
from bms.core.tensors.tensor import Array

NO_PARAMS: Mapping[str, Any] = MappingProxyType({})


class EngineRequest(NamedTuple):
    """One request to an engine, checked against its signature. `outputs` are those wanted (empty: all), `params` the
    parameters that are not the signature's defaults, and `deadline`, in monotonic seconds, when nobody waits for it any
    more (None: never)."""

    signature: str
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...] = ()
    params: Mapping[str, Any] = NO_PARAMS
    deadline: float | None = None


class End(NamedTuple):
    """The successful end of an engine request.

    `finish` says why there is no more, in OpenAI's words ("stop", "length"), empty where nobody knows; the tokens are
    None where nobody counted. `compute_ns` is how long it computed, None: all the time since it began.
    """

    finish: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    compute_ns: int | None = None


class EngineCapacity(NamedTuple):
    """How many requests may be in progress at once, and how many more may wait."""

    at_once: int
    waiting: int


class EngineFull(ResourceExhausted):
    """Raised when all places, running and waiting, are taken; another replica may have a free one."""


class Events(Protocol):
    """Receives what happens to one request: in order, from any thread, until one `end` or `failed`."""

    def began(self) -> None:
        """The request left the engine's queue and runs. Not called where it began when it was submitted."""
        ...

    def part(self, outputs: Mapping[str, Array]) -> None: ...

    def end(self, end: End) -> None: ...

    def failed(self, error: BmsError) -> None: ...


class Engine(Protocol):
    """Contract, checked by one suite against every engine:

    1. `submit` and `cancel` are called by one thread, the event loop's, return at once, and do not raise.
    2. For every submitted request its events are called: parts, then exactly one `end` or `failed`, no more.
    3. Signatures that are in `streaming` answer in any number of parts, others in one, with a row for each row of the
       inputs where the signature is batched. Outputs are as `Servable.infer` gives them; inputs are neither changed nor
       kept.
    4. A cancelled request ends soon, well or not; what it held is free by then. Cancelling what has ended does nothing.
    5. At most `capacity().at_once` are in progress. It is asked before each request and may say something else later.
    6. Requests are independent: one that is slow or fails holds or harms no other.
    7. `close` fails those in progress soon, and every later one with FailedPrecondition; closing twice is one effect.
    """

    @property
    def streaming(self) -> frozenset[str]: ...

    def capacity(self) -> EngineCapacity: ...

    def submit(self, request: EngineRequest, events: Events) -> object:
        """Begins a request and returns the handle that `cancel` takes."""
        ...

    def cancel(self, handle: object) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class EngineServable(Protocol):
    """A servable all of whose requests are run by its engine; its `infer` runs one at a time, for loading, warm-up and
    verification. Closing it closes the engine."""

    @property
    def engine(self) -> Engine: ...
