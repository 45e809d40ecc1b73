"""Books what is held over time: the whole hours and days of open allotments, and all the time of closed ones.

What is booked, its numbers, and how far each allotment is booked are one transaction, so that every moment is counted
once, however many processes book at once and whichever is killed. Sums include what is not booked yet
(`UsageService.sums`), so nobody waits for this.
"""

from itertools import islice

from bms.control.billing.held_blocks import pack_held
from bms.control.billing.pieces import SOURCE, bookable_until, pieces, whole_spans
from bms.control.billing.ports import UsageTx
from bms.control.platform.allotments import milliseconds
from bms.control.platform.transactions import Store
from bms.core.clock import Clock
from bms.core.usage import UsageEvent

_AT_ONCE = 500  # allotments of a transaction
_PIECES = 1000  # of one of them, and about as many of all, so that nobody waits long to write


class AllotmentBilling:
    """Writes the usage events of allotments."""

    def __init__(self, store: Store[UsageTx], clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def step(self) -> int:
        """Books all that can be booked now; returns how many pieces."""
        booked = 0
        async with self._store.read() as tx:
            waiting = bool(await tx.due(whole_spans(milliseconds(self._clock.now())), 1))
        while waiting:
            async with self._store.write() as tx:
                high = await tx.high_water(SOURCE)  # nobody else books until this has ended
                now = milliseconds(self._clock.now())
                due = await tx.due(whole_spans(now), _AT_ONCE)
                events: list[UsageEvent] = []
                for one in due:
                    if len(events) >= _PIECES:
                        break
                    found = list(islice(pieces(one, bookable_until(one, now), high + len(events) + 1), _PIECES))
                    events += found
                    await tx.book(one, found[-1].until // 10**6 if found else one.booked_until)
                if events:
                    await tx.add(SOURCE, pack_held(events), events[-1].seq)
            booked += len(events)
            waiting = bool(due)
        return booked
