"""The queue of deployments that a round looks at: those that something happened to, and those in transition.

One at rest is looked at again when an event concerns it or its model, when another process may have led meanwhile, and
once in a long while in any case; the last two are spread over many rounds, so that fresh events do not wait for them.
"""

from collections.abc import Iterable, Mapping

from bms.control.deployments.changes import changes_of
from bms.control.deployments.ports import DeploymentsTx
from bms.control.platform.transactions import EventLog, Store
from bms.core.clock import Clock
from bms.core.events import Recorded

EVERYTHING_S = 600.0
Sight = tuple[object, ...]
"""What was seen of the replicas of a deployment, to be compared with what is seen later."""
AT_ONCE = 200  # of those that nothing was heard of


class WorkQueue:
    """Ids of active deployments that were not put to rest since the last event that concerned them."""

    def __init__(self, store: Store[DeploymentsTx], events: EventLog, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._token: int | None = None
        self.number = 0
        """Of the last event that was heard."""
        self._everything_at = 0.0  # monotonic seconds
        self._awake: set[str] = set()
        self._rested: dict[str, Sight] = {}
        self._unseen: list[str] = []
        self._suspected: set[str] = set()

    async def listen(self, token: int) -> None:
        """Reads new events. To be called before rows are read: what is committed later comes next time.

        `token` is the leader's: under another one than last time, everything is to be looked at.
        """
        now = self._clock.monotonic()
        if token != self._token or now >= self._everything_at:
            number = await self._events.last()
            async with self._store.read() as tx:
                self._unseen = await tx.active_ids()
            self.number, self._token, self._everything_at = number, token, now + EVERYTHING_S
            return
        while batch := await self._events.since(self.number):
            changes = changes_of(event for _, event in batch)
            self._suspected |= changes.suspected
            async with self._store.read() as tx:
                self._awake |= set(await changes.affected(tx))
            self.number = batch[-1][0]

    async def concerned(self, heard: Iterable[Recorded]) -> bool:
        """Whether these events concern any deployment."""
        changes = changes_of(heard)
        if changes.everything:
            return True
        if changes.deployments or not changes.models:
            return bool(changes.deployments)
        async with self._store.read() as tx:
            return bool(await changes.affected(tx))

    def suspected(self) -> set[str]:
        """Replicas that events reported as failing since the last call."""
        heard, self._suspected = self._suspected, set()
        return heard

    @property
    def more(self) -> bool:
        """Whether some are left to look at after these."""
        return bool(self._unseen)

    @property
    def awake(self) -> bool:
        """Whether there are some that may change with time alone."""
        return bool(self._awake)

    def wanted(self, at_work: Mapping[str, Sight]) -> list[str]:
        """Ids to look at now: first those `at_work`, which may be answering, then others that are awake. A deployment
        at rest that looks as it did when it was put to rest is left alone."""
        self._rested = {id: seen for id, seen in self._rested.items() if id in at_work}
        first = {id for id, seen in at_work.items() if id in self._awake or self._rested.get(id) != seen}
        heard = sorted(self._awake - first)
        some, self._unseen = self._unseen[:AT_ONCE], self._unseen[AT_ONCE:]
        others = [id for id in some if id not in first and id not in self._awake]
        self._awake.update(some)
        return [*sorted(first), *heard, *others]

    def rest(self, deployment: str, seen: Sight | None = None) -> None:
        """Puts a deployment to rest: nothing is to be done until something happens, or it no longer looks as it was
        `seen`."""
        self._awake.discard(deployment)
        if seen is not None:
            self._rested[deployment] = seen
