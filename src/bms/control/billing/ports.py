"""What billing needs stored."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bms.control.billing.blocks import UsageBlock
from bms.control.billing.nouns import Label, UnbilledAllotment, UnreadUsageRun, UsageFilter, UsageSum
from bms.core.meters import Held
from bms.core.pages import Page, PageRequest
from bms.core.usage import UsageEvent


class UsageTx(Protocol):
    """The books inside one transaction: events are added and read, never changed."""

    async def high_water(self, source: str) -> int:
        """The highest seq of `source` that is in the books, 0 for none; nobody else adds to it until the end."""
        ...

    async def add(self, source: str, blocks: Sequence[UsageBlock], last: int) -> None:
        """Adds the events that follow the high-water mark without gaps, and moves the mark to `last`, theirs."""
        ...

    async def insert(self, blocks: Sequence[UsageBlock]) -> None:
        """Adds events whose numbers the high-water mark has passed: those of runs that had been put aside."""
        ...

    async def put_aside(self, unread: Sequence[UnreadUsageRun]) -> None:
        """Keeps runs that can't be read here; `add` counts their numbers as come."""
        ...

    async def unread(self, version: int, after: tuple[str, int], limit: int) -> list[UnreadUsageRun]:
        """Of those that were put aside, of versions up to `version`, the first after a (source, first)."""
        ...

    async def unread_events(self) -> int:
        """How many events wait in runs that were put aside."""
        ...

    async def take_unread(self, one: UnreadUsageRun) -> bool:
        """Removes it; False where somebody else has."""
        ...

    async def unbooked(self, tenant: str) -> list[UnbilledAllotment]:
        """All of the tenant's."""
        ...

    async def due(self, ends: Mapping[Held, int], limit: int) -> list[UnbilledAllotment]:
        """Of all tenants, those that were closed, and of what is open, those that are not booked up to what `ends` says
        of what they are `of`, in Unix milliseconds. The oldest first."""
        ...

    async def book(self, one: UnbilledAllotment, until: int) -> None:
        """Notes how far it is booked now. One that was closed and is booked to its end is forgotten."""
        ...

    async def sums(
        self, tenant: str, wanted: UsageFilter, by: Sequence[Label], beside: Iterable[UsageEvent] = ()
    ) -> list[UsageSum]:
        """Of the books, and of events `beside` them that match. One row per group that has events, in the order of what
        is grouped by; without groups, one row."""
        ...

    async def events(self, tenant: str, wanted: UsageFilter, page: PageRequest) -> Page[UsageEvent]:
        """Newest first."""
        ...


class OrphanAllotmentsTx(Protocol):
    """Allotments beside what they are of, inside one transaction."""

    async def close_strays(self, at: datetime) -> int:
        """Closes those that are open and whose subject has ended or was deleted; how many."""
        ...

    async def close_unseen(self, running: Collection[str], at: datetime) -> int:
        """Closes those of replicas and attempts that are open and whose process is not among `running`; how many."""
        ...

    async def led(self, lease: str) -> tuple[str, datetime] | None:
        """Who held the lease last, and until when; None where nobody ever did."""
        ...

    async def open_missing(self, at: datetime, limit: int, device_memory: int) -> int:
        """Opens those of what runs or is kept and has none, at most `limit` of each kind; how many."""
        ...
