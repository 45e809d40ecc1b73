"""The books: events come in exactly once, however often they are shipped; sums are made from them when asked."""

import logging
from collections.abc import AsyncIterator, Sequence

from bms.control.billing.nouns import Dimension, UsageFilter, UsageSum
from bms.control.billing.ports import UsageTx
from bms.control.platform.transactions import Store
from bms.core.errors import InvalidArgument
from bms.core.pages import MAX_LIMIT, Page, PageRequest, decode_cursor
from bms.core.usage import UsageEvent

log = logging.getLogger("bms.billing")


class UsageService:
    def __init__(self, store: Store[UsageTx]) -> None:
        self._store = store

    async def ingest(self, source: str, events: Sequence[UsageEvent]) -> int:
        """The highest seq of `source` that is committed now: what may be acknowledged.

        Events that are in the books are passed over. What follows a gap is not taken: the shipper repeats from the
        number acknowledged. Raises InvalidArgument for events of another source, or not in order of seq.
        """
        _check(source, events)
        async with self._store.write() as tx:
            high = await tx.high_water(source)
            fresh: list[UsageEvent] = []
            for event in events:
                if event.seq == high + len(fresh) + 1:
                    fresh.append(event)
            if fresh:
                await tx.add_events(source, fresh)
        last = high + len(fresh)
        if events and events[-1].seq > last:
            log.warning("usage of %s has a gap: after seq %d came %d", source, last, events[-1].seq)
        return last

    async def sums(self, tenant: str, wanted: UsageFilter, by: Sequence[Dimension] = ()) -> list[UsageSum]:
        async with self._store.read() as tx:
            return await tx.sums(tenant, wanted, by)

    async def events(self, tenant: str, wanted: UsageFilter, page: PageRequest) -> Page[UsageEvent]:
        async with self._store.read() as tx:
            return await tx.events(tenant, wanted, page)

    async def all_events(self, tenant: str, wanted: UsageFilter) -> AsyncIterator[list[UsageEvent]]:
        """Newest first, in batches, each of its own transaction; for exports of any size."""
        after: str | None = None
        while True:
            page = await self.events(tenant, wanted, PageRequest(limit=MAX_LIMIT, after=after))
            yield page.items
            if page.next is None:
                return
            after = decode_cursor(page.next)


def _check(source: str, events: Sequence[UsageEvent]) -> None:
    before = 0
    for event in events:
        if event.source != source:
            raise InvalidArgument(f"a batch of {source!r} holds an event of {event.source!r}: ship them apart")
        if event.seq <= before:
            raise InvalidArgument(f"seq {event.seq} comes after {before}: ship events in order")
        before = event.seq
