"""The loop of jobs: observe, plan, apply. Its memory is only tokens and tasks; after any crash the next step recovers.

Several may run on one database: an attempt belongs to the one whose claim raised its token, until that one's
lease runs out. Capacity is kept by each for itself, so let one at a time lead.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from bms.control.jobs.attempts import Attempts
from bms.control.jobs.chores import Chores
from bms.control.jobs.endings import Ending
from bms.control.jobs.nouns import Capacity, Job
from bms.control.jobs.pace import LEASE_S, NET_S, RENEW_S, next_step, wakes
from bms.control.jobs.plan import (
    Action,
    Adopt,
    Claim,
    Collect,
    Finish,
    ForgetWorkload,
    Interrupt,
    NoteStarted,
    Prepare,
    Seen,
    Stop,
    StopWorkload,
    plan,
)
from bms.control.jobs.ports import AttemptFiles, JobsTx, LiveJob
from bms.control.jobs.tails import Tails
from bms.control.platform.clusters import Cluster
from bms.control.platform.transactions import EventLog, Store
from bms.core.clock import Clock
from bms.core.errors import BmsError, Unavailable

log = logging.getLogger("bms.jobs")
QUEUE_DEPTH = 16  # due jobs of one tenant that are looked at in one step
PROGRESS_S = 0.5  # how often the progress of running jobs is read
AGAIN_S = 0.5  # after a step that did something: whether there is more to be done
FAILED_PAUSE_S = 1.0
SHORTEST_PAUSE_S = 0.05


class Scheduler:
    """`holder` names this scheduler; a restart under the same name takes its attempts up again at once."""

    def __init__(
        self,
        store: Store[JobsTx],
        cluster: Cluster,
        attempts: Attempts,
        files: AttemptFiles,
        clock: Clock,
        capacity: Capacity,
        holder: str,
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._attempts = attempts
        self._files = files
        self._clock = clock
        self._capacity = capacity
        self._holder = holder
        self._chores = Chores()
        self._tails = Tails(store, files, clock)
        self._tokens: dict[str, int] = {}
        self._running: list[Job] = []
        self._due: datetime | None = None  # when the next step is to be, if nothing happens; None: soon
        self._number = 0  # of the last event before the last step
        self._swept = False

    async def step(self) -> None:
        """One round. Slow work goes on beside it; `settled` waits for that."""
        noted = await self._files.noted() if not self._swept else frozenset()
        observed = await self._cluster.observe()  # before the rows are read: see `plan`
        workloads = {id: status for id, status in observed.items() if status.kind == "job"}
        now = self._clock.now()
        async with self._store.read() as tx:
            rows, later = await tx.live(now, QUEUE_DEPTH), await tx.next_due(now)
        self._drop_lost(rows)
        rows = await self._renewed(rows, now)
        seen = [self._seen(row, now) for row in rows]
        actions = plan(seen, workloads, self._capacity, now)
        for action in actions:
            await self._apply(action, now)
        self._running = [row.job for row in rows if row.job.state == "running" and self._mine(row)]
        await self._tails.show(self._running)
        for workload in noted - {row.job.workload for row in rows}:
            await self._files.remove(workload)
        self._swept = True
        self._due = None if actions else next_step(list(zip(seen, rows, strict=True)), later, now)

    async def run(self, events: EventLog) -> None:
        """Steps for ever: when an event of jobs was committed, a workload or slow work ended, or it is time."""
        news: dict[str, asyncio.Task[Any]] = {}
        try:
            while True:
                self._due = None
                try:
                    self._number = await events.last()
                    await self.step()
                except BmsError as error:
                    log.warning("a step of the scheduler failed and will be repeated: %s", error.message)
                except Exception:
                    log.exception("a step of the scheduler failed unexpectedly and will be repeated")
                    await asyncio.sleep(FAILED_PAUSE_S)
                await asyncio.sleep(SHORTEST_PAUSE_S)
                await self._something_to_do(events, news)
        finally:
            for task in news.values():
                task.cancel()
            await asyncio.gather(*news.values(), return_exceptions=True)
            await self.close()

    async def settled(self) -> None:
        """Returns when no slow work is under way."""
        await self._chores.settled()

    async def close(self) -> None:
        """Gives up slow work; workloads run on, and their attempts wait for the next scheduler."""
        await self._chores.close()

    async def _something_to_do(self, events: EventLog, news: dict[str, asyncio.Task[Any]]) -> None:
        """Returns when something happened, or the next step is due; shows the progress of what runs meanwhile."""
        due, loop = self._due, asyncio.get_running_loop()
        pause_s = AGAIN_S if due is None else (due - self._clock.now()).total_seconds()
        until = loop.time() + pause_s
        while (left := until - loop.time()) > 0:
            if await self._happened(events, news, min(left, PROGRESS_S) if self._running else left):
                return
            try:
                await self._tails.show(self._running)
            except BmsError as error:
                log.warning("the progress of jobs can't be shown now: %s", error.message)

    async def _happened(self, events: EventLog, news: dict[str, asyncio.Task[Any]], timeout_s: float) -> bool:
        """Waits; what was waited for in vain stays in `news`, because breaking off a query costs a connection."""
        sources: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "events": lambda: self._heard(events),
            "cluster": lambda: self._cluster.changed(NET_S),
            "chores": self._chores.one_done,
        }
        for name, source in sources.items():
            if name not in news:
                news[name] = asyncio.create_task(source())
        done, _ = await asyncio.wait(news.values(), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for name in [name for name, task in news.items() if task in done]:
            if (error := news.pop(name).exception()) is not None:
                log.warning("waiting for %s failed and will be repeated: %s", name, error)
        return bool(done)

    async def _heard(self, events: EventLog) -> None:
        """Returns when an event of jobs was committed since the last step began."""
        number = self._number
        while True:
            await events.wait(number, NET_S)
            number = max(number, self._number)
            if found := await events.since(number):
                if any(wakes(event.name) for _, event in found):
                    return
                number = found[-1][0]

    def _mine(self, row: LiveJob) -> bool:
        return self._tokens.get(row.job.id) == row.job.token

    def _seen(self, row: LiveJob, now: datetime) -> Seen:
        foreign = row.holder not in (None, self._holder) and row.leased_until is not None and row.leased_until > now
        return Seen(job=row.job, mine=self._mine(row), free=not foreign, busy=row.job.id in self._chores.busy)

    def _drop_lost(self, rows: Sequence[LiveJob]) -> None:
        """What ended or was taken over is ours no more."""
        tokens = {row.job.id: row.job.token for row in rows if row.job.state != "queued"}
        for id in [id for id, token in self._tokens.items() if tokens.get(id) != token]:
            del self._tokens[id]
            self._tails.drop(id)
            if id in tokens:
                log.warning("job %s was taken over by another scheduler", id)
                self._chores.interrupt(id)

    async def _renewed(self, rows: list[LiveJob], now: datetime) -> list[LiveJob]:
        """The rows, with leases of ours that were about to run out renewed."""
        soon, until = now + timedelta(seconds=RENEW_S), now + timedelta(seconds=LEASE_S)
        if not any(self._mine(row) and row.leased_until is not None and row.leased_until <= soon for row in rows):
            return rows
        async with self._store.write() as tx:
            await tx.renew(self._holder, until)
        return [msgspec.structs.replace(row, leased_until=until) if self._mine(row) else row for row in rows]

    async def _apply(self, action: Action, now: datetime) -> None:
        match action:
            case Claim(job):
                async with self._store.write() as tx:
                    claimed = await tx.claim(job, self._holder, now + timedelta(seconds=LEASE_S))
                self._take(claimed)
                if claimed is not None:
                    self._begin(claimed, partial(self._attempts.prepare, claimed))
            case Adopt(job):
                async with self._store.write() as tx:
                    self._take(await tx.adopt(job, self._holder, now + timedelta(seconds=LEASE_S), now))
            case Prepare(job):
                self._begin(job, partial(self._attempts.prepare, job))
            case Interrupt(job):
                self._chores.interrupt(job.id)
            case NoteStarted(job):
                await self._attempts.note_started(job)
            case Stop(job, reason):
                self._begin(job, partial(self._attempts.stop, job, reason))
            case Collect(job, status):
                self._begin(job, partial(self._attempts.collect, job, status))
            case Finish(job, state, error):
                self._begin(job, partial(self._attempts.conclude, job, Ending(state=state, error=error)))
            case StopWorkload(workload):
                self._chores.start(workload, partial(self._cluster.stop, workload))
            case ForgetWorkload(workload):
                self._chores.start(workload, partial(self._forget, workload))

    def _take(self, job: Job | None) -> None:
        if job is not None:
            self._tokens[job.id] = job.token

    def _begin(self, job: Job, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._chores.start(job.id, partial(self._guarded, job, work))

    async def _guarded(self, job: Job, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A job must end whatever happens: a defect of ours ends its attempt, a database away only delays it."""
        try:
            await work()
        except Unavailable as error:
            log.warning("work for job %s will be repeated: %s", job.id, error.message)
            await asyncio.sleep(FAILED_PAUSE_S)  # while it is busy it is not begun anew
        except Exception:
            log.exception("work for job %s failed unexpectedly", job.id)
            words = "something went wrong in the platform itself; its own log says what"
            await self._attempts.conclude(job, Ending(state="failed", error=words))

    async def _forget(self, workload: str) -> None:
        await self._cluster.forget(workload)
        await self._files.remove(workload)
