"""What model servers say of themselves: asked beside the loop, so that one that hangs delays nothing."""

import asyncio
from collections.abc import Iterable, Mapping

from bms.control.deployments.nouns import Replica
from bms.control.deployments.ports import ReplicaProbe
from bms.control.jobs.chores import Chores
from bms.core.clock import Clock
from bms.core.programs import ServableStatus

STARTING_S, READY_S = 0.1, 2.0  # between two questions
SILENT_S, SILENT_TRIES = 30.0, 5  # unanswered for so long and so often: it hangs


class Health:
    """The last word of each watched replica. `changed` is set when one's state became another."""

    def __init__(self, probe: ReplicaProbe, clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._chores = Chores()
        self._watched: dict[str, Replica] = {}
        self._said: dict[str, ServableStatus] = {}
        self._asked: dict[str, float] = {}
        self._unanswered: dict[str, tuple[float, int]] = {}  # since when, how often
        self.changed = asyncio.Event()

    @property
    def said(self) -> Mapping[str, ServableStatus]:
        """By replica, of those that answered the last time they were asked."""
        return self._said

    @property
    def watched(self) -> Mapping[str, Replica]:
        """By replica, of those that are asked."""
        return self._watched

    def silent(self) -> frozenset[str]:
        """Those that have not answered for long."""
        now = self._clock.monotonic()
        return frozenset(
            id for id, (since, tries) in self._unanswered.items() if now - since >= SILENT_S and tries >= SILENT_TRIES
        )

    def watch(self, replicas: Iterable[Replica]) -> None:
        """Asks those whose turn it is, and forgets all others."""
        self._watched = watched = {replica.id: replica for replica in replicas}
        for kept in (self._said, self._asked, self._unanswered):
            for id in kept.keys() - watched.keys():
                del kept[id]
        now = self._clock.monotonic()
        for replica in watched.values():
            pause = READY_S if replica.state == "ready" else STARTING_S
            if now - self._asked.get(replica.id, -pause) >= pause:
                self._asked[replica.id] = now
                self._ask(replica)

    def hurry(self, replica: str) -> None:
        """Ask this one next time, however recently it was asked."""
        self._asked.pop(replica, None)

    async def settled(self) -> None:
        """Returns when every question was answered or given up."""
        await self._chores.settled()

    async def close(self) -> None:
        await self._chores.close()

    def _ask(self, replica: Replica) -> None:
        async def ask() -> None:
            status = await self._probe.status(replica.id, replica.address)
            if replica.id in self._asked:
                self._note(replica, status)

        self._chores.start(replica.id, ask)

    def _note(self, replica: Replica, status: ServableStatus | None) -> None:
        before = self._said.get(replica.id)
        if status is None:
            self._said.pop(replica.id, None)
            since, tries = self._unanswered.get(replica.id, (self._clock.monotonic(), 0))
            self._unanswered[replica.id] = (since, tries + 1)
        else:
            self._said[replica.id] = status
            self._unanswered.pop(replica.id, None)
        if status is not None and (before is None or before.state != status.state):
            self.changed.set()
