"""The books: events come in exactly once, however often they are shipped; sums are made from them when asked."""

import logging
from collections.abc import AsyncIterator, Sequence

from bms.control.billing.blocks import pack
from bms.control.billing.nouns import Dimension, UsageFilter, UsageSum
from bms.control.billing.ports import UsageTx
from bms.control.platform.transactions import Store
from bms.core.errors import InvalidArgument
from bms.core.pages import MAX_LIMIT, Page, PageRequest, decode_cursor
from bms.core.usage import UsageEvent, UsageRun

log = logging.getLogger("bms.billing")


class UsageService:
    def __init__(self, store: Store[UsageTx]) -> None:
        self._store = store

    async def ingest(self, source: str, runs: Sequence[UsageRun]) -> int:
        """The highest seq of `source` that is committed now: what may be acknowledged.

        Events that are in the books are passed over. What follows a gap is not taken: the shipper repeats from the
        number acknowledged. Raises InvalidArgument for runs that are empty, or not in order of seq.
        """
        _check(runs)
        async with self._store.write() as tx:
            high = await tx.high_water(source)
            fresh = _following(high, runs)
            if fresh:
                await tx.add(source, pack(source, fresh), fresh[-1].last)
        last = fresh[-1].last if fresh else high
        if runs and runs[-1].last > last:
            log.warning("usage of %s has a gap: after seq %d came %d", source, last, runs[-1].last)
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


def _check(runs: Sequence[UsageRun]) -> None:
    before = 0
    for run in runs:
        if not run.attempts:
            raise InvalidArgument(f"the run from seq {run.first} is empty: ship events only")
        if run.first <= before:
            raise InvalidArgument(f"seq {run.first} comes after {before}: ship events in order")
        before = run.last


def _following(high: int, runs: Sequence[UsageRun]) -> list[UsageRun]:
    """What of `runs`, which are in order, follows `high` without a gap."""
    found: list[UsageRun] = []
    for run in runs:
        if run.last <= high:
            continue
        if run.first > high + 1:
            break
        found.append(UsageRun(high + 1, run.attempts[high + 1 - run.first :]))
        high = run.last
    return found
