"""What billing needs stored."""

from collections.abc import Sequence
from typing import Protocol

from bms.control.billing.blocks import UsageBlock
from bms.control.billing.nouns import Dimension, Unread, UsageFilter, UsageSum
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

    async def put_aside(self, unread: Sequence[Unread]) -> None:
        """Keeps runs that can't be read here; `add` counts their numbers as come."""
        ...

    async def unread(self, version: int, after: tuple[str, int], limit: int) -> list[Unread]:
        """Of those that were put aside, of versions up to `version`, the first after a (source, first)."""
        ...

    async def unread_events(self) -> int:
        """How many events wait in runs that were put aside."""
        ...

    async def take_unread(self, one: Unread) -> bool:
        """Removes it; False where somebody else has."""
        ...

    async def sums(self, tenant: str, wanted: UsageFilter, by: Sequence[Dimension]) -> list[UsageSum]:
        """One row per group that has events, in the order of what is grouped by; without groups, one row."""
        ...

    async def events(self, tenant: str, wanted: UsageFilter, page: PageRequest) -> Page[UsageEvent]:
        """Newest first."""
        ...
