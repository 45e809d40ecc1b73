"""The nouns of billing: filters of usage, sums, allotments that are not billed, runs that can't be read."""

from datetime import datetime
from typing import Literal, get_args

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.meters import BY_NAME, REQUESTS, Held
from bms.core.usage import UsageEvent

Label = Literal["key", "deployment", "model", "version", "revision", "day", "hour"]
"""What an event has one of."""
Dimension = Literal[Label, "meter"]
_FIRST_YEAR, _LAST_YEAR = 1678, 2261  # whole years whose nanoseconds since 1970 are in 63 bits


class UsageFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A filter of usage events: all that match every given field. `start` is included, `end` is not."""

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
        for name, time in (("start", self.start), ("end", self.end)):
            if time is not None and time.tzinfo is None:
                raise InvalidArgument(f"{name} {time.isoformat()} has no zone: write for example 2026-01-31T00:00:00Z")
            if time is not None and not _FIRST_YEAR <= time.year <= _LAST_YEAR:
                years = f"use years {_FIRST_YEAR} to {_LAST_YEAR}"
                raise InvalidArgument(f"{name} {time.isoformat()} is beyond what can be compared: {years}")
        if self.version is not None and not 0 <= self.version < 1 << 31:
            raise InvalidArgument(f"version {str(self.version)[:40]} is not a version's number")

    def matches(self, event: UsageEvent) -> bool:
        """Whether the filter selects this event."""
        labels = ("key", "deployment", "model", "version")
        if any(getattr(self, name) not in (None, getattr(event, name)) for name in labels):
            return False
        return (self.start is None or event.at >= nanoseconds(self.start)) and (
            self.end is None or event.at < nanoseconds(self.end)
        )


class UsageSum(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sums over a group of events; the fields that were grouped by identify it. `hour` and `day` are when each
    begins."""

    key: str | None = None
    deployment: str | None = None
    model: str | None = None
    version: int | None = None
    revision: int | None = None
    day: datetime | None = None
    hour: datetime | None = None
    meter: str | None = None
    requests: int
    ok: int
    errors: int
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int
    quantities: dict[str, int] = {}  # by meter, those above too; meters of which nothing was used are left out


class UnbilledAllotment(msgspec.Struct, frozen=True, kw_only=True):
    """An allotment (`control.platform.allotments`) that is not wholly billed. Times are Unix milliseconds; all before
    `booked_until` is billed."""

    number: int
    of: Held
    subject: str
    tenant: str
    deployment: str
    model: str
    version: int
    rates: dict[str, int]
    opened_at: int
    closed_at: int | None
    booked_until: int


class UnreadUsageRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of usage events in a version that was unknown when it came: events `first` to `last` of `source`, of which
    those up to `after` are stored already. `record` is its MessagePack."""

    source: str
    first: int
    last: int
    after: int
    version: int
    received_at: datetime
    record: bytes


def meters(text: str) -> frozenset[str] | None:
    """Parses a list of meters, `rows,input_tokens`; None for all. Raises InvalidArgument naming what is no meter."""
    names = frozenset(part.strip() for part in text.split(",") if part.strip())
    if unknown := sorted(names - BY_NAME.keys()):
        raise InvalidArgument(f"there is no meter {', '.join(unknown)[:200]}: use some of {', '.join(BY_NAME)}")
    return names or None


def dimensions(text: str) -> tuple[Dimension, ...]:
    """Parses a list of what to group by, `key,model`. Raises InvalidArgument naming what can't be grouped by."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    known: tuple[Dimension, ...] = get_args(Dimension)
    if unknown := [name for name in names if name not in known]:
        raise InvalidArgument(f"usage can't be grouped by {', '.join(unknown)}: use some of {', '.join(known)}")
    return tuple(name for name in known if name in names)


def nanoseconds(time: datetime) -> int:
    """The time in nanoseconds since 1970."""
    whole = int(time.timestamp() // 1)
    return whole * 10**9 + time.microsecond * 1000


def by_meter(row: UsageSum) -> list[UsageSum]:
    """Splits a sum into a row for each meter that was used, in the order of their names: no figure is in two rows, so
    that rows still add up."""
    plain = msgspec.structs.replace(row, requests=0, ok=0, errors=0, rows=0, bytes_in=0, bytes_out=0, compute_ns=0)
    found = []
    for meter, quantity in row.quantities.items():
        used = {meter: quantity} if meter in UsageSum.__struct_fields__ else {}
        if meter == REQUESTS:
            used |= {"ok": row.ok, "errors": row.errors}
        found.append(msgspec.structs.replace(plain, meter=meter, quantities={meter: quantity}, **used))
    return found
