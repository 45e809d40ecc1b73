"""A micro-batch: the calls of one INFER frame, one or several, on their way through the model server."""

from typing import NamedTuple, Protocol

from bms.core.tensors.tensor import Array
from bms.serving.inference.batching.batch_keys import BatchKey
from bms.serving.inference.batching.policy import Reason


class Caller(Protocol):
    """The connection that sent calls and gets their answers. `open` holds its unanswered micro-batches by id."""

    open: "dict[int, MicroBatch]"

    def send(self, data: bytes) -> None:
        """Writes whole frames; does nothing once the connection is gone."""
        ...


class MicroBatch:
    """Calls of one frame, checked, that wait, run and are answered together. Times are the clock's monotonic seconds.

    `parts` are the rows of each call, one after another in `inputs`; `rows` is their sum. `numbers` says which of the
    frame's calls they are, None while they are all of them. Mutable, without ceremony: it is made once per frame on
    the hot path.
    """

    __slots__ = (
        "arrived",
        "batch_key",
        "caller",
        "cancelled",
        "deadline",
        "id",
        "inputs",
        "latest",
        "numbers",
        "order",
        "parts",
        "priority",
        "rows",
        "waiting",
    )

    def __init__(
        self,
        caller: Caller,
        id: int,
        batch_key: BatchKey,
        inputs: dict[str, Array],
        rows: int,
        arrived: float,
        deadline: float | None,
        parts: tuple[int, ...],
        priority: int = 0,
    ) -> None:
        self.caller = caller
        self.id = id
        self.batch_key = batch_key
        self.inputs = inputs
        self.rows = rows
        self.arrived = arrived
        self.deadline = deadline
        self.parts = parts
        self.priority = priority
        self.numbers: tuple[int, ...] | None = None
        self.order = arrived  # in which the batcher lets micro-batches go
        self.latest = deadline  # moment at which a run may begin
        self.waiting = False  # in the batcher, neither taken nor cancelled
        self.cancelled = False  # its caller is gone or gave up


class Batch(NamedTuple):
    """Micro-batches of one batch key that run together, their rows in all, and why they left the queue."""

    micro_batches: list[MicroBatch]
    rows: int
    reason: Reason
