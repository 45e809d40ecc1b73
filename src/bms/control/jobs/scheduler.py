"""Schedules jobs: observes, plans, applies. It remembers only tokens and tasks; after any crash the next step recovers.

One process leads at a time. An attempt belongs to the process whose claim raised its token: the next leader raises it
again.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bms.control.jobs.attempts import Attempts
from bms.control.jobs.nouns import Job, JobCapacity
from bms.control.jobs.outcomes import AttemptOutcome
from bms.control.jobs.pace import NET_S, next_step, wakes
from bms.control.jobs.plan import (
    Action,
    Adopt,
    Claim,
    Collect,
    Finish,
    ForgetJobWorkload,
    Interrupt,
    JobObservation,
    NoteStarted,
    PrepareAttempt,
    StopAttempt,
    StopWorkload,
    plan,
)
from bms.control.jobs.ports import AttemptFiles, JobsTx
from bms.control.jobs.progress_reader import ProgressReader
from bms.control.platform.clusters import Cluster
from bms.control.platform.keyed_tasks import KeyedTasks
from bms.control.platform.leading import FOLLOW_S, Leader
from bms.control.platform.transactions import EventLog, Store
from bms.core.clock import Clock
from bms.core.errors import BmsError, Unavailable

log = logging.getLogger("bms.jobs")
SUBJECT = "jobs"
"""What the loop must lead, of `Leadership`."""
QUEUE_DEPTH = 16  # due jobs of one tenant that are looked at in one step
PROGRESS_S = 0.5  # how often the progress of running jobs is read
AGAIN_S = 0.5  # after a step that did something: whether there is more to be done
FAILED_PAUSE_S = 1.0
SHORTEST_PAUSE_S = 0.05


class Scheduler:
    """The scheduler of all jobs. It does nothing while its process does not lead. `capacity` is asked for once it is
    known what runs."""

    def __init__(
        self,
        store: Store[JobsTx],
        cluster: Cluster,
        attempts: Attempts,
        files: AttemptFiles,
        clock: Clock,
        capacity: Callable[[], JobCapacity],
        leader: Leader,
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._attempts = attempts
        self._files = files
        self._clock = clock
        self._capacity = capacity
        self._leader = leader
        self._tasks = KeyedTasks()
        self._tails = ProgressReader(store, files, clock)
        self._token: int | None = None  # of the leader
        self._tokens: dict[str, int] = {}  # by job
        self._running: list[Job] = []
        self._due: datetime | None = None  # when the next step is to be, if nothing happens; None: soon
        self._number = 0  # of the last event before the last step
        self._swept = False

    async def step(self) -> None:
        """Runs one round. Slow work goes on beside it; `idle` waits for that."""
        led, self._token = self._token, await self._leader.lead()
        if self._token is None:
            if led is not None:
                self._let_go()
            self._due = self._clock.now() + timedelta(seconds=FOLLOW_S)
            return
        noted = await self._files.noted() if not self._swept else frozenset()
        observed = await self._cluster.observe()  # before the rows are read: see `plan`
        workloads = {id: status for id, status in observed.items() if status.kind == "job"}
        now = self._clock.now()
        async with self._store.read() as tx:
            jobs, later = await tx.live(now, QUEUE_DEPTH), await tx.next_due(now)
        self._drop_lost(jobs)
        seen = [JobObservation(job=job, mine=self._mine(job), busy=job.id in self._tasks.busy) for job in jobs]
        actions = plan(seen, workloads, self._capacity(), now)
        for action in actions:
            await self._apply(action)
        self._running = [job for job in jobs if job.state == "running" and self._mine(job)]
        await self._tails.show(self._running)
        for workload in noted - {job.workload for job in jobs}:
            await self._files.remove(workload)
        self._swept = True
        self._due = None if actions else next_step(seen, later, now)

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

    async def idle(self) -> None:
        """Waits until no slow work is under way."""
        await self._tasks.idle()

    async def close(self) -> None:
        """Gives up slow work; workloads run on, and their attempts wait for the next leader."""
        await self._tasks.close()
        await self._leader.resign()

    async def _something_to_do(self, events: EventLog, news: dict[str, asyncio.Task[Any]]) -> None:
        """Waits until something happens, or the next step is due; shows the progress of what runs meanwhile."""
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
        """Waits for an event, or the end of a workload or of slow work; returns whether any came. A wait that did not
        end stays in `news`, because breaking off a query costs a connection."""
        sources: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "events": lambda: self._heard(events),
            "cluster": lambda: self._cluster.changed(NET_S),
            "tasks": self._tasks.one_done,
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
        """Waits until an event of jobs is committed since the last step began."""
        number = self._number
        while True:
            await events.wait(number, NET_S)
            number = max(number, self._number)
            if found := await events.since(number):
                if any(wakes(event.name) for _, event in found):
                    return
                number = found[-1][0]

    def _mine(self, job: Job) -> bool:
        return self._tokens.get(job.id) == job.token

    def _let_go(self) -> None:
        """Breaks off what is under way, since another process leads, or will; that one begins it anew."""
        for id in self._tasks.busy:
            self._tasks.interrupt(id)
        for id in self._tokens:
            self._tails.drop(id)
        self._tokens.clear()
        self._running = []
        self._swept = False

    def _drop_lost(self, jobs: Sequence[Job]) -> None:
        """Forgets attempts that ended or were taken over."""
        tokens = {job.id: job.token for job in jobs if job.state != "queued"}
        for id in [id for id, token in self._tokens.items() if tokens.get(id) != token]:
            del self._tokens[id]
            self._tails.drop(id)
            if id in tokens:
                log.warning("job %s was taken over by another scheduler", id)
                self._tasks.interrupt(id)

    async def _apply(self, action: Action) -> None:
        match action:
            case Claim(job):
                async with self._store.write() as tx:
                    await self._leader.fence(tx, self._token)
                    claimed = await tx.claim(job)
                self._take(claimed)
                if claimed is not None:
                    self._begin(claimed, partial(self._attempts.prepare, claimed))
            case Adopt(job):
                async with self._store.write() as tx:
                    await self._leader.fence(tx, self._token)
                    adopted = await tx.adopt(job)
                self._take(adopted)
            case PrepareAttempt(job):
                self._begin(job, partial(self._attempts.prepare, job))
            case Interrupt(job):
                self._tasks.interrupt(job.id)
            case NoteStarted(job):
                await self._attempts.note_started(job)
            case StopAttempt(job, reason):
                self._begin(job, partial(self._attempts.stop, job, reason))
            case Collect(job, status):
                self._begin(job, partial(self._attempts.collect, job, status))
            case Finish(job, state, error):
                self._begin(job, partial(self._attempts.conclude, job, AttemptOutcome(state=state, error=error)))
            case StopWorkload(workload):
                self._tasks.start(workload, partial(self._cluster.stop, workload))
            case ForgetJobWorkload(workload):
                self._tasks.start(workload, partial(self._forget, workload))

    def _take(self, job: Job | None) -> None:
        if job is not None:
            self._tokens[job.id] = job.token

    def _begin(self, job: Job, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks.start(job.id, partial(self._guarded, job, work))

    async def _guarded(self, job: Job, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs slow work so that a job ends whatever happens: a defect of ours ends its attempt, an unreachable
        database only delays it."""
        try:
            await work()
        except Unavailable as error:
            log.warning("work for job %s will be repeated: %s", job.id, error.message)
            await asyncio.sleep(FAILED_PAUSE_S)  # while it is busy it is not begun anew
        except Exception:
            log.exception("work for job %s failed unexpectedly", job.id)
            words = "something went wrong in the platform itself; its own log says what"
            await self._attempts.conclude(job, AttemptOutcome(state="failed", error=words))

    async def _forget(self, workload: str) -> None:
        await self._cluster.forget(workload)
        await self._files.remove(workload)
