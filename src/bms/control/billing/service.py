"""Use cases of billing: stores usage events exactly once, however often they are shipped, and sums them when asked."""

import logging
from collections.abc import AsyncIterator, Sequence
from itertools import chain

import msgspec

from bms.control.billing.blocks import pack
from bms.control.billing.nouns import Dimension, UnreadUsageRun, UsageFilter, UsageSum, by_meter
from bms.control.billing.pieces import pieces
from bms.control.billing.ports import UsageTx
from bms.control.platform.allotments import milliseconds
from bms.control.platform.transactions import Store
from bms.core.clock import Clock
from bms.core.errors import InvalidArgument
from bms.core.pages import MAX_LIMIT, Page, PageRequest, decode_cursor
from bms.core.usage import VERSION, UnreadRun, UsageEvent, UsageRun

log = logging.getLogger("bms.billing")
_READ_AT_ONCE = 100  # runs


class UsageService:
    """Stores, sums and lists usage events."""

    def __init__(self, store: Store[UsageTx], clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.put_aside = 0  # events, since the start

    async def ingest(self, source: str, runs: Sequence[UsageRun | UnreadRun]) -> int:
        """Stores shipped events, and returns the highest stored seq of `source`: what may be acknowledged.

        Events that are stored already are passed over. What follows a gap is not taken: the shipper repeats from the
        number acknowledged. Runs of an unknown version are put aside and count as committed: `read_again` books them
        once they can be read. Raises InvalidArgument for runs that are empty, or not in order of seq.
        """
        _check(runs)
        async with self._store.write() as tx:
            high = await tx.high_water(source)
            fresh = _following(high, runs)
            if fresh:
                await tx.add(source, pack(source, [run for run in fresh if isinstance(run, UsageRun)]), fresh[-1].last)
            if unread := [run for run in fresh if isinstance(run, UnreadRun)]:
                await tx.put_aside([self._unread(source, run, high) for run in unread])
        for run in unread:
            self.put_aside += run.last - run.first + 1
            log.error(
                "usage of %s, events %d to %d, is of version %d, and this release reads %d at most: put aside, to be "
                "booked by a newer release", source, run.first, run.last, run.version, VERSION,
            )  # fmt: skip
        last = fresh[-1].last if fresh else high
        if runs and runs[-1].last > last:
            log.warning("usage of %s has a gap: after seq %d came %d", source, last, runs[-1].last)
        return last

    async def read_again(self) -> int:
        """Stores what was put aside and can be read by now; returns how many events. Each run has a transaction of its
        own: one that turns out to be damaged is left where it is."""
        booked, place = 0, ("", 0)
        while True:
            async with self._store.read() as tx:
                waiting = await tx.unread(VERSION, place, _READ_AT_ONCE)
            for one in waiting:
                booked += await self._book_unread(one)
            if len(waiting) < _READ_AT_ONCE:
                return booked
            place = (waiting[-1].source, waiting[-1].first)

    async def _book_unread(self, one: UnreadUsageRun) -> int:
        try:
            run = msgspec.msgpack.decode(one.record, type=UsageRun)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.error("usage of %s, events %d to %d, can't be read: %s", one.source, one.first, one.last, error)
            return 0
        fresh = [each for each in _following(one.after, [run]) if isinstance(each, UsageRun)]
        async with self._store.write() as tx:
            if not await tx.take_unread(one):  # another control was faster
                return 0
            await tx.insert(pack(one.source, fresh))
        return sum(len(each.attempts) for each in fresh)

    async def unread_events(self) -> int:
        async with self._store.read() as tx:
            return await tx.unread_events()

    def _unread(self, source: str, run: UnreadRun, high: int) -> UnreadUsageRun:
        return UnreadUsageRun(
            source=source,
            first=run.first,
            last=run.last,
            after=max(high, run.first - 1),
            version=run.version,
            received_at=self._clock.now(),
            record=run.record,
        )

    async def sums(
        self, tenant: str, wanted: UsageFilter, by: Sequence[Dimension] = (), meters: frozenset[str] | None = None
    ) -> list[UsageSum]:
        """Sums of the stored events, and of allotted time that is not billed yet, up to now. `meters`: the only ones to
        show as quantities; None: all."""
        labels = [each for each in by if each != "meter"]
        async with self._store.read() as tx:
            now = milliseconds(self._clock.now())
            held = [pieces(one, now if one.closed_at is None else one.closed_at) for one in await tx.unbooked(tenant)]
            found = await tx.sums(tenant, wanted, labels, chain.from_iterable(held))
        if meters is not None:
            found = [_only(meters, each) for each in found]
        return found if "meter" not in by else [each for row in found for each in by_meter(row)]

    async def events(self, tenant: str, wanted: UsageFilter, page: PageRequest) -> Page[UsageEvent]:
        async with self._store.read() as tx:
            return await tx.events(tenant, wanted, page)

    async def all_events(self, tenant: str, wanted: UsageFilter) -> AsyncIterator[list[UsageEvent]]:
        """The events that match, newest first, in batches, each of its own transaction; for exports of any size."""
        after: str | None = None
        while True:
            page = await self.events(tenant, wanted, PageRequest(limit=MAX_LIMIT, after=after))
            yield page.items
            if page.next is None:
                return
            after = decode_cursor(page.next)


def _only(meters: frozenset[str], each: UsageSum) -> UsageSum:
    kept = {meter: quantity for meter, quantity in each.quantities.items() if meter in meters}
    return msgspec.structs.replace(each, quantities=kept)


def _check(runs: Sequence[UsageRun | UnreadRun]) -> None:
    before = 0
    for run in runs:
        if run.last < run.first:
            raise InvalidArgument(f"the run from seq {run.first} is empty: ship events only")
        if run.first <= before:
            raise InvalidArgument(f"seq {run.first} comes after {before}: ship events in order")
        before = run.last


def _following(high: int, runs: Sequence[UsageRun | UnreadRun]) -> list[UsageRun | UnreadRun]:
    """The part of `runs`, which are in order, that follows `high` without a gap; a run that can't be read is not
    cut."""
    found: list[UsageRun | UnreadRun] = []
    for run in runs:
        if run.last <= high:
            continue
        if run.first > high + 1:
            break
        found.append(
            UsageRun(high + 1, run.attempts[high + 1 - run.first :], run.version) if isinstance(run, UsageRun) else run
        )
        high = run.last
    return found
