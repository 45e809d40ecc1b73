"""The repositories that billing needs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bms.control.billing.blocks import UsageBlock
from bms.control.billing.nouns import Label, UnbilledAllotment, UnreadUsageRun, UsageFilter, UsageSum
from bms.core.meters import Held
from bms.core.pages import Page, PageRequest
from bms.core.usage import UsageEvent


class UsageTx(Protocol):
    """The repository of usage events inside one transaction: events are added and read, never changed."""

    async def high_water(self, source: str) -> int:
        """The highest stored seq of `source`, 0 for none; nobody else adds to it until the end."""
        ...

    async def add(self, source: str, blocks: Sequence[UsageBlock], last: int) -> None:
        """Adds the events that follow the high-water mark without gaps, and moves the mark to `last`, theirs."""
        ...

    async def insert(self, blocks: Sequence[UsageBlock]) -> None:
        """Adds events whose numbers the high-water mark has passed: those of runs that had been put aside."""
        ...

    async def put_aside(self, unread: Sequence[UnreadUsageRun]) -> None:
        """Keeps runs that this release can't read; `add` counts their numbers as received."""
        ...

    async def unread(self, version: int, after: tuple[str, int], limit: int) -> list[UnreadUsageRun]:
        """The runs that were put aside, of versions up to `version`, after the (source, first) given."""
        ...

    async def unread_events(self) -> int:
        """The number of events in runs that were put aside."""
        ...

    async def take_unread(self, one: UnreadUsageRun) -> bool:
        """Removes the run; False where another process has."""
        ...

    async def unbooked(self, tenant: str) -> list[UnbilledAllotment]:
        """All unbilled allotments of the tenant."""
        ...

    async def due(self, ends: Mapping[Held, int], limit: int) -> list[UnbilledAllotment]:
        """The allotments of all tenants that can be billed: closed ones, and open ones not billed up to what `ends`
        says for their kind, in Unix milliseconds. The oldest first."""
        ...

    async def book(self, one: UnbilledAllotment, until: int) -> None:
        """Records how far the allotment is billed now. A closed one that is billed to its end is deleted."""
        ...

    async def sums(
        self, tenant: str, wanted: UsageFilter, by: Sequence[Label], beside: Iterable[UsageEvent] = ()
    ) -> list[UsageSum]:
        """Sums over the stored events, and over events `beside` them that match. One row per group that has events, in
        the order of what is grouped by; without groups, one row."""
        ...

    async def events(self, tenant: str, wanted: UsageFilter, page: PageRequest) -> Page[UsageEvent]:
        """The events that match, newest first."""
        ...


class OrphanAllotmentsTx(Protocol):
    """The repository that compares allotments with the rows that they are of, inside one transaction."""

    async def close_strays(self, at: datetime) -> int:
        """Closes open allotments whose subject has ended or was deleted; returns how many."""
        ...

    async def close_unseen(self, running: Collection[str], at: datetime) -> int:
        """Closes open allotments of replicas and attempts whose process is not among `running`; returns how many."""
        ...

    async def led(self, lease: str) -> tuple[str, datetime] | None:
        """The last holder of the lease, and when it runs out; None where nobody ever held it."""
        ...

    async def open_missing(self, at: datetime, limit: int, device_memory: int) -> int:
        """Opens allotments for what runs or is kept without one, at most `limit` of each kind; returns how many."""
        ...
