"""The log and events of a job from its first attempt to now: kept blobs, then what the present attempt is writing."""

from collections.abc import AsyncIterator

import msgspec

from bms.control.jobs.nouns import Job, LogPart
from bms.control.jobs.ports import AttemptFiles, Record
from bms.control.jobs.progress import parse_lines, whole_lines
from bms.control.platform.objects import ObjectStore
from bms.core.workloads.programs import JobEvent
from bms.core.workloads.resources import size_text

LOG_KEPT = 4 << 20  # bytes of a log that outlive its job: the last ones
EVENTS_KEPT = 4 << 20  # bytes of events, the first ones, so that their numbers stay
_PIECE = 1 << 20


class KeptHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The history that is recorded in the row with an attempt's end."""

    log: str | None
    log_start: int
    events: str | None


class History:
    def __init__(self, objects: ObjectStore, files: AttemptFiles) -> None:
        self._objects = objects
        self._files = files

    async def log(self, job: Job, offset: int, limit: int) -> LogPart:
        """Up to `limit` bytes of the log from `offset` on, or from where the kept log begins if that is later.

        What was cut off there is told by a line more, which no offset counts.
        """
        note = _lost(job.log_start - offset, begun=offset > 0) if offset < job.log_start else b""
        offset = max(offset, job.log_start)
        kept = await self._size(job, job.log)
        at = offset - job.log_start
        content = b""
        if job.log is not None and at < kept:
            content = await self._blob(job, job.log, at, limit)
        elif _writing(job):
            cut = await self._files.cut(job.workload)
            if at - kept in cut:
                note += (
                    f"[{size_text(kept + cut.stop - at)} of this log were cut off here: it grew too long]\n".encode()
                )
                at = kept + cut.stop
            at = min(at, kept + await self._files.size(job.workload, "log"))
            content = await self._files.read(job.workload, "log", at - kept, limit)
        else:
            at = kept
        return LogPart(content=note + content, next=job.log_start + at + len(content), state=job.state)

    async def events(self, job: Job, after: int, limit: int) -> list[JobEvent]:
        """Up to `limit` events of the job, the first `after` left out."""
        earlier = b"" if job.events is None else await self._blob(job, job.events, 0, EVENTS_KEPT)
        present = await self.present_events(job) if _writing(job) else []
        return (parse_lines(earlier) + present)[after : after + limit]

    async def present_events(self, job: Job) -> list[JobEvent]:
        """The events of the present attempt alone."""
        content = await self._files.read(job.workload, "events", 0, EVENTS_KEPT)
        return parse_lines(content[: whole_lines(content, EVENTS_KEPT)])

    async def keep(self, job: Job, console_tail: bytes = b"") -> KeptHistory:
        """Stores log and events as blobs, the present attempt included; it must not be writing any more."""
        log, log_start = await self._keep_log(job, console_tail)
        return KeptHistory(log=log, log_start=log_start, events=await self._keep_events(job))

    async def _keep_log(self, job: Job, console_tail: bytes) -> tuple[str | None, int]:
        kept = await self._size(job, job.log)
        live = await self._files.size(job.workload, "log")
        skipped = max(0, kept + live - LOG_KEPT)
        cut = await self._files.cut(job.workload)
        if cut and skipped < kept + cut.stop:
            skipped = kept + cut.stop  # a job's log is kept without holes

        async def chunks() -> AsyncIterator[bytes]:
            if job.log is not None and skipped < kept:
                yield await self._blob(job, job.log, skipped, LOG_KEPT)
            at = max(0, skipped - kept)
            while at < live and (piece := await self._read(job, "log", at, min(_PIECE, live - at))):
                at += len(piece)
                yield piece
            yield console_tail

        if kept + live + len(console_tail) == 0:
            return None, job.log_start
        return (await self._objects.put(job.tenant, chunks())).digest, job.log_start + skipped

    async def _keep_events(self, job: Job) -> str | None:
        earlier = b"" if job.events is None else await self._blob(job, job.events, 0, EVENTS_KEPT)
        live = await self._read(job, "events", 0, EVENTS_KEPT)
        content = (earlier + live)[:EVENTS_KEPT]
        content = content[: whole_lines(content, EVENTS_KEPT)]
        if not content:
            return None
        return (await self._objects.put(job.tenant, _once(content))).digest

    async def _read(self, job: Job, record: Record, offset: int, limit: int) -> bytes:
        return await self._files.read(job.workload, record, offset, limit)

    async def _size(self, job: Job, digest: str | None) -> int:
        blob = None if digest is None else await self._objects.stat(job.tenant, digest)
        return 0 if blob is None else blob.size

    async def _blob(self, job: Job, digest: str, offset: int, limit: int) -> bytes:
        content = bytearray()
        async for chunk in self._objects.read(job.tenant, digest, offset):
            content += chunk
            if len(content) >= limit:
                break
        return bytes(content[:limit])


def _lost(size: int, *, begun: bool) -> bytes:
    what = f"{size_text(size)} more were" if begun else f"the first {size_text(size)} of this log were"
    return f"[{what} not kept: of a job's log the last {size_text(LOG_KEPT)} are]\n".encode()


def _writing(job: Job) -> bool:
    return job.state in ("starting", "running")


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
