"""What people ask of the books: filters, sums, single events."""

from datetime import datetime
from typing import Literal, get_args

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.meters import BY_NAME

Dimension = Literal["key", "deployment", "model", "version", "day", "hour"]


class UsageFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: all that match every given one. `start` is included, `end` is not."""

    key: str | None = None
    deployment: str | None = None
    model: str | None = None
    version: int | None = None
    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise InvalidArgument(
                f"the time from {self.start.isoformat()} to {self.end.isoformat()} is negative: exchange them"
            )
        for time in (self.start, self.end):
            if time is not None and time.tzinfo is None:
                raise InvalidArgument(f"time {time.isoformat()} has no zone: write for example 2026-01-31T00:00:00Z")
            if time is not None and not 1 < time.year < 9999:
                raise InvalidArgument(f"time {time.isoformat()} is beyond what can be compared: use years 2 to 9998")
        if self.version is not None and not 0 <= self.version < 1 << 31:
            raise InvalidArgument(f"version {str(self.version)[:40]} is not a version's number")


class UsageSum(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sums over some events; the fields that were grouped by say which. `hour` and `day` are when each begins."""

    key: str | None = None
    deployment: str | None = None
    model: str | None = None
    version: int | None = None
    day: datetime | None = None
    hour: datetime | None = None
    requests: int
    ok: int
    errors: int
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int
    quantities: dict[str, int] = {}  # by meter, those above too; meters of which nothing was used are left out


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a version that was not known when it came: events `first` to `last` of `source`, of which those up to
    `after` are in the books already. `record` is its MessagePack."""

    source: str
    first: int
    last: int
    after: int
    version: int
    received_at: datetime
    record: bytes


def meters(text: str) -> frozenset[str] | None:
    """From `rows,input_tokens`; None for all. Raises InvalidArgument naming what is no meter."""
    names = frozenset(part.strip() for part in text.split(",") if part.strip())
    if unknown := sorted(names - BY_NAME.keys()):
        raise InvalidArgument(f"there is no meter {', '.join(unknown)[:200]}: use some of {', '.join(BY_NAME)}")
    return names or None


def dimensions(text: str) -> tuple[Dimension, ...]:
    """From `key,model`. Raises InvalidArgument naming what can't be grouped by."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    known: tuple[Dimension, ...] = get_args(Dimension)
    if unknown := [name for name in names if name not in known]:
        raise InvalidArgument(f"usage can't be grouped by {', '.join(unknown)}: use some of {', '.join(known)}")
    return tuple(name for name in known if name in names)
