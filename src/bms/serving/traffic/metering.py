"""What one dispatched request is billed by, before the books give it a number."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Usage(NamedTuple):
    """The fields of `bms.core.usage.UsageEvent` after source and seq, in its order and units."""

    at: int
    tenant: str
    key: str
    deployment: str
    model: str
    version: int
    request_id: str
    status: int
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int


class Books(Protocol):
    """Where usage is journalled before an answer is given."""

    def write(self, usages: Sequence[Usage]) -> None:
        """All of them, or none: raises Unavailable, and then none of the requests may be answered as done."""
        ...
