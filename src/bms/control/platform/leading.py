"""Leader election among control processes: each subject is led by one, by a lease with a fencing token.

A process that leads may lose the lease without noticing (it was stopped for a minute, the store was away): so whatever
must not be done twice is written in a transaction that is fenced.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime

from bms.control.platform.transactions import Fenced, Leases
from bms.core.clock import Clock
from bms.core.errors import Aborted, BmsError

log = logging.getLogger("bms.leading")
LEASE_S = 10.0
RENEW_S = LEASE_S / 3  # after this long, a lease is renewed
FOLLOW_S = 1.0  # how often who does not lead asks


class Leadership:
    """The leases of this process, `holder`: one write renews all that it holds.

    A process of the same holder that comes after this one takes over at once, with larger tokens; this one then leads
    nothing more as long as that one lives.
    """

    def __init__(self, leases: Leases, clock: Clock, holder: str) -> None:
        self._leases = leases
        self._clock = clock
        self._holder = holder
        self._last: dict[str, int | None] = {}  # by subject, the token that this process had last
        self._others: dict[str, datetime] = {}  # when others' leases ran out, as this process saw them first
        self._led_elsewhere: frozenset[str] = frozenset()  # at the last time of asking
        self._held: dict[str, int] = {}  # by subject, as the store said at the last time of asking
        self._until = 0.0  # monotonic seconds; leases may run out then
        self._next = 0.0  # when the store is to be asked again
        self._asking = asyncio.Lock()

    def of(self, subject: str) -> "Leader":
        """The lease of one subject, to be asked for as long as this process runs."""
        self._last.setdefault(subject, None)
        self._next = 0.0
        return Leader(self, subject)

    @property
    def held(self) -> Mapping[str, int]:
        """The tokens of the leases that this process holds now, by subject; none when they may have run out."""
        return self._held if self._clock.monotonic() < self._until else {}

    @property
    def led_elsewhere(self) -> frozenset[str]:
        """The subjects that another process led when the store was last asked; none when that was too long ago.

        A lease alone does not tell that somebody is there: its holder may have died, or the store may be a backup's. So
        only who was seen to renew it, or to get it, counts.
        """
        return self._led_elsewhere if self._clock.monotonic() < self._until else frozenset()

    @property
    def ask_in_s(self) -> float:
        """Seconds until the store is to be asked: to renew, or to take over what another process led."""
        return max(0.0, self._next - self._clock.monotonic())

    async def refresh(self) -> None:
        """Asks the store where it is time to. Raises BmsError when it does not answer: leases may run out meanwhile."""
        async with self._asking:
            now = self._clock.monotonic()
            if now < self._next:
                return
            self._held, others = await self._leases.acquire(self._last, self._holder, LEASE_S)
            self._last |= self._held
            self._others = {subject: self._others.get(subject, until) for subject, until in others.items()}
            self._led_elsewhere = frozenset(name for name, until in others.items() if until != self._others[name])
            self._until = now + LEASE_S
            self._next = now + (RENEW_S if len(self._held) == len(self._last) else FOLLOW_S)

    def doubt(self) -> None:
        """Has the store asked before anything else is done: another process may lead already."""
        self._next = 0.0

    async def run(self) -> None:
        """Renews what is held, and asks for the rest, for ever."""
        while True:
            try:
                await self.refresh()
                await asyncio.sleep(max(self.ask_in_s, 0.01))
            except BmsError as error:
                log.warning("leases can't be renewed: %s", error.message)
                await asyncio.sleep(FOLLOW_S)

    async def resign(self, *subjects: str) -> None:
        """Releases these leases, or all, and asks for them no more; the next leader need not wait for them to run
        out."""
        async with self._asking:
            given = {subject: self._held.pop(subject, None) for subject in subjects or tuple(self._last)}
            for subject in given:
                self._last.pop(subject, None)
            try:
                await self._leases.release({subject: token for subject, token in given.items() if token is not None})
            except BmsError as error:
                log.warning("leases could not be given back and will run out: %s", error.message)


class Leader:
    """The lease of one subject, as a part of a `Leadership`."""

    def __init__(self, leadership: Leadership, subject: str) -> None:
        self._leadership = leadership
        self._subject = subject

    @property
    def token(self) -> int | None:
        """The fencing token while this process leads, as far as it knows without asking."""
        return self._leadership.held.get(self._subject)

    @property
    def elsewhere(self) -> bool:
        """Whether another process leads the subject, as far as this one knows without asking."""
        return self._subject in self._leadership.led_elsewhere

    @property
    def ask_in_s(self) -> float:
        return self._leadership.ask_in_s

    async def lead(self) -> int | None:
        """The fencing token while this process leads, renewed where it is time to. Raises BmsError when the store does
        not answer."""
        await self._leadership.refresh()
        return self.token

    async def fence(self, tx: Fenced, token: int | None) -> None:
        """Fences a transaction: raises Aborted unless this process still leads with `token`; no other process begins to
        before the end of `tx`."""
        if token is None:
            raise Aborted(f"this process does not lead {self._subject!r}")
        try:
            await tx.fence(self._subject, token)
        except Aborted:
            self._leadership.doubt()
            raise

    def doubt(self) -> None:
        self._leadership.doubt()

    async def resign(self) -> None:
        """Releases the lease, and leads no more."""
        await self._leadership.resign(self._subject)
