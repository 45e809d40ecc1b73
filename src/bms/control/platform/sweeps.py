"""Level-triggered sweeps: find by its state what a lost event should have moved, and move it.

Events are enough where each is handled; a sweep is for the one that was lost, whatever lost it. It reads the rows, not
the events. It waits until reactions have passed the event that was the newest at its beginning, so that it never runs
beside one.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from bms.control.platform.attempting import LIMIT_S, OUTSIDE, within
from bms.control.platform.pending import ReactionsTx
from bms.control.platform.transactions import EventLog, Store
from bms.core.clock import Clock
from bms.core.errors import BmsError

log = logging.getLogger("bms.sweeps")
EVERY_S = 180.0
YOUNG_S = 60.0  # what was touched since then is left alone
WINDOW = timedelta(days=2)  # how far back ends are looked for
MOST_SETTLED = 200_000  # names that are remembered
PATIENCE_S = 600.0  # how long a sweep waits for reactions before it gives way to the next


class MissedReaction(NamedTuple):
    """A reaction that a sweep found missing: `about` is its subject, `what` describes it for the log, `follow` carries
    it out. `once`: its name in `settled`, where it is tried a single time.

    `once`: its name among what is `settled`, where it is tried a single time.
    """

    tenant: str
    about: str
    what: str
    follow: Callable[[], Awaitable[None]]
    once: str = ""


class Since(NamedTuple):
    """The range of time that finders look at: what changed `after` and `before` then. Names in `settled` need no look
    any more: finders add those of what is in order and stays so."""

    after: datetime
    before: datetime
    settled: set[str]


Finder = Callable[[Since], AsyncIterator[MissedReaction]]


class Sweeps:
    """Runs the sweeps. The leader calls `step` when it is `due`, which it is at once after `restart`."""

    def __init__(
        self, events: EventLog, store: Store[ReactionsTx], finders: Mapping[str, Finder], clock: Clock
    ) -> None:
        self._events = events
        self._store = store
        self._finders = finders
        self._clock = clock
        self._settled: set[str] = set()
        self._begun: tuple[int, datetime, float] | None = None  # the log's end then, when, and when it gives way
        self._next = 0.0
        self.followed = dict.fromkeys(finders, 0)
        """How much was found and moved since this process began: zeros, as long as no event is lost."""

    def restart(self) -> None:
        """Sweeps everything again, since another process may have led meanwhile."""
        self._begun, self._next = None, 0.0

    @property
    def due(self) -> bool:
        return self._clock.monotonic() >= self._next

    async def step(self, position: int) -> int:
        """Sweeps if reactions have come to `position`, the log's end as it was when this one became due; returns how
        much was found and moved. Raises Unavailable when the rows can't be read."""
        now = self._clock.monotonic()
        if self._begun is None or now >= self._begun[2]:
            self._begun = (await self._events.last(), self._clock.now(), now + PATIENCE_S)
        number, at, _ = self._begun
        if position < number:
            return 0
        self._begun, self._next = None, now + EVERY_S
        async with self._store.read() as tx:
            held = await tx.abouts()
        since = Since(at - WINDOW, at - timedelta(seconds=YOUNG_S), self._settled)
        before = sum(self.followed.values())
        found = [(name, await self._found(name, finder, since)) for name, finder in self._finders.items()]
        for name, missed_ones in found:  # all were found before one is moved: from that, too, something follows
            for missed in missed_ones:
                if (missed.tenant, missed.about) not in held:
                    self.followed[name] += await self._follow(missed)
        if len(self._settled) > MOST_SETTLED:
            self._settled.clear()
        return sum(self.followed.values()) - before

    async def _found(self, name: str, finder: Finder, since: Since) -> list[MissedReaction]:
        """What the finders found; one that fails does not keep others from looking."""
        try:
            return [missed async for missed in finder(since)]
        except BmsError as error:
            log.warning("%s can't be swept now: %s", name, error.message)
        except Exception:
            log.exception("%s can't be swept", name)
        return []

    async def _follow(self, missed: MissedReaction) -> bool:
        try:
            await within(missed.follow(), LIMIT_S)
        except OUTSIDE as error:
            log.warning("%s was missed, and can't be made up for now: %s", missed.what, error)
            return False
        except BmsError as error:
            log.error("%s was missed, and can't be made up for: %s", missed.what, error.message)
        except Exception:
            log.exception("%s was missed, and can't be made up for", missed.what)
        else:
            log.warning("%s was missed, since its event was lost, and goes on now", missed.what)
            self._settled.update({missed.once} - {""})
            return True
        self._settled.update({missed.once} - {""})
        return False
