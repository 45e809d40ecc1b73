"""A call: one request of one asker, on its way through the model server."""

from collections.abc import Hashable
from typing import Protocol

from bms.core.signature import Signature
from bms.core.tensor import Array


class Asker(Protocol):
    """Whoever waits for answers; one connection. `open` holds its unanswered calls by id."""

    open: "dict[int, Call]"

    def send(self, data: bytes) -> None:
        """Writes whole frames; does nothing once the connection is gone."""
        ...


class Call:
    """One request that was checked. Times are the clock's monotonic seconds.

    `group` is equal for calls that may run in one batch: same signature, same outputs wanted, same types and
    same shapes but for the rows. Mutable, without ceremony: it is made once per request on the hot path.
    """

    __slots__ = (
        "arrived",
        "asker",
        "cancelled",
        "deadline",
        "group",
        "id",
        "inputs",
        "outputs",
        "rows",
        "signature",
        "waiting",
    )

    def __init__(
        self,
        asker: Asker,
        id: int,
        signature: str,
        inputs: dict[str, Array],
        outputs: tuple[str, ...],
        rows: int,
        arrived: float,
        deadline: float | None,
        group: Hashable,
    ) -> None:
        self.asker = asker
        self.id = id
        self.signature = signature
        self.inputs = inputs
        self.outputs = outputs
        self.rows = rows
        self.arrived = arrived
        self.deadline = deadline
        self.group = group
        self.waiting = False  # in the batcher, neither taken nor cancelled
        self.cancelled = False  # its asker is gone or gave up


def group_of(name: str, signature: Signature, inputs: dict[str, Array], outputs: tuple[str, ...]) -> Hashable:
    """What must be equal for two calls to share a batch; unique where the signature is not batched."""
    if not signature.batched:
        return object()
    return (name, outputs, tuple(inputs[spec.name].shape[1:] for spec in signature.inputs))
