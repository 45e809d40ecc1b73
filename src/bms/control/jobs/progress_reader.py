"""Copies the progress of running jobs from their events into their rows, at most twice a second."""

import msgspec

from bms.control.jobs.nouns import Job
from bms.control.jobs.ports import AttemptFiles, JobsTx
from bms.control.jobs.progress import parse_lines, shown, whole_lines
from bms.control.platform.transactions import Store
from bms.core.clock import Clock
from bms.core.workloads.programs import JobEvent

PAUSE_S = 0.5
PIECE = 1 << 20


class ProgressCursor(msgspec.Struct):
    """The position in the events of one attempt, and the progress that is not in the row yet."""

    attempt: int
    offset: int = 0
    waiting: list[JobEvent] = []


class ProgressReader:
    """Reads progress of all running jobs."""

    def __init__(self, store: Store[JobsTx], files: AttemptFiles, clock: Clock) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._tails: dict[str, ProgressCursor] = {}
        self._shown_at = float("-inf")

    def drop(self, job: str) -> None:
        self._tails.pop(job, None)

    async def show(self, jobs: list[Job]) -> None:
        """Reads on, and writes what changed in one transaction; does nothing when called again too soon."""
        now = self._clock.monotonic()
        if now - self._shown_at < PAUSE_S:
            return
        self._shown_at = now
        changed = [job for job in jobs if (await self._read(job)).waiting]
        if not changed:
            return
        async with self._store.write() as tx:
            for job in changed:
                current = await tx.held(job.id, job.token)
                if current is not None and current.state == "running":
                    await tx.save_job(shown(current, self._tails[job.id].waiting))
        for job in changed:
            self._tails[job.id].waiting = []

    async def _read(self, job: Job) -> ProgressCursor:
        tail = self._tails.get(job.id)
        if tail is None or tail.attempt != job.attempt:
            tail = self._tails[job.id] = ProgressCursor(attempt=job.attempt)
        content = await self._files.read(job.workload, "events", tail.offset, PIECE)
        whole = whole_lines(content, PIECE)
        tail.offset += whole
        tail.waiting = tail.waiting + parse_lines(content[:whole])
        return tail
