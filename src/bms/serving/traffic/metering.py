"""The usage of one dispatched request, and the port to the journal that keeps it until control has it."""

from collections.abc import Sequence
from typing import Protocol

from bms.core.usage import Quantities

# The fields of `bms.core.usage.UsageEvent` after source and seq, in its order and units: at, tenant, key, deployment,
# model, version, request_id, status, rows, bytes_in, bytes_out, compute_ns, queue_ns, total_ns, revision; and `more`
# only where there is any.
Usage = (
    tuple[int, str, str, str, str, int, str, int, int, int, int, int, int, int, int]
    | tuple[int, str, str, str, str, int, str, int, int, int, int, int, int, int, int, Quantities]
)


class UsageJournal(Protocol):
    """The port to the journal in which usage is written before an answer is sent."""

    def write(self, usages: Sequence[Usage]) -> None:
        """Writes all of them, or none: raises Unavailable, and then none of the requests may be answered as done."""
        ...
