"""Polls model servers for their health, in tasks of its own, so that one that hangs delays nothing."""

import asyncio
from collections.abc import Iterable, Mapping

from bms.control.deployments.nouns import Replica
from bms.control.deployments.ports import ReplicaProbe
from bms.control.deployments.probe_schedule import ProbeSchedule
from bms.control.platform.keyed_tasks import KeyedTasks
from bms.core.clock import Clock
from bms.core.workloads.programs import ServableStatus

SILENT_S, SILENT_TRIES = 30.0, 5  # unanswered for so long and so often: it hangs


class Health:
    """The last health answer of each watched replica. `changed` is set when a replica's state changed, or when one
    seems to hang."""

    def __init__(self, probe: ReplicaProbe, clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._tasks = KeyedTasks()
        self._watched: dict[str, Replica] = {}
        self._statuses: dict[str, ServableStatus] = {}
        self._schedule = ProbeSchedule()
        self._unanswered: dict[str, tuple[float, int]] = {}  # since when, how often
        self._timer: asyncio.TimerHandle | None = None
        self.changed = asyncio.Event()

    @property
    def statuses(self) -> Mapping[str, ServableStatus]:
        """The status by replica, of those that answered the last time they were asked."""
        return self._statuses

    @property
    def watched(self) -> Mapping[str, Replica]:
        """The watched replicas by id."""
        return self._watched

    def silent(self) -> frozenset[str]:
        """Replicas that have not answered for long."""
        now = self._clock.monotonic()
        return frozenset(
            id for id, (since, tries) in self._unanswered.items() if now - since >= SILENT_S and tries >= SILENT_TRIES
        )

    def reset_silence(self) -> None:
        """Restarts the count of silence for all replicas, since this process itself could not ask them."""
        self._unanswered.clear()

    def watch(self, replicas: Iterable[Replica]) -> None:
        """Watches exactly these replicas from now on; all others are forgotten."""
        before, self._watched = self._watched, {replica.id: replica for replica in replicas}
        for gone in before.keys() - self._watched.keys():
            self._probe.let_go(gone)
            self._schedule.forget(gone)
            self._statuses.pop(gone, None)
            self._unanswered.pop(gone, None)
        self._ask_due()

    def probe_now(self, replica: str) -> None:
        """Asks this replica now, however recently it was asked."""
        self._schedule.forget(replica)
        self._ask_due()

    async def idle(self) -> None:
        """Waits until every question is answered or given up."""
        await self._tasks.idle()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        await self._tasks.close()
        for replica in self._watched:
            self._probe.let_go(replica)
        self._watched = {}

    def _ask_due(self) -> None:
        """Asks the replicas whose time has come."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._watched:
            return
        due, next_in = self._schedule.take(self._watched, self._unanswered, self._clock.monotonic())
        for replica in due:
            self._ask(replica)
        self._timer = asyncio.get_running_loop().call_later(next_in, self._ask_due)

    def _ask(self, replica: Replica) -> None:
        async def ask() -> None:
            status = await self._probe.status(replica.id, replica.address)
            if replica.id in self._watched:
                self._note(replica, status)

        self._tasks.start(replica.id, ask)

    def _note(self, replica: Replica, status: ServableStatus | None) -> None:
        before = self._statuses.get(replica.id)
        if status is None:
            self._statuses.pop(replica.id, None)
            since, tries = self._unanswered.get(replica.id, (self._clock.monotonic(), 0))
            self._unanswered[replica.id] = (since, tries + 1)
        else:
            self._statuses[replica.id] = status
            self._unanswered.pop(replica.id, None)
        news = before is None or before.state != status.state if status is not None else replica.id in self.silent()
        if news:
            self.changed.set()
