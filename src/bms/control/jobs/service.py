"""Use cases of jobs: submit, look, cancel, repeat. The scheduler runs them."""

from collections.abc import Collection
from datetime import datetime

import msgspec

from bms.control.jobs.events import JobCancelRequested, JobEnded, JobSubmitted, OfJob
from bms.control.jobs.history import History
from bms.control.jobs.nouns import Job, JobSpec, JobState, LogPart
from bms.control.jobs.ports import JobsTx
from bms.control.jobs.states import moved
from bms.control.jobs.validation import check_job_id, check_job_name, check_spec, check_trees
from bms.control.platform.objects import ObjectStore
from bms.control.platform.transactions import Store
from bms.control.platform.trees import Tree, digests_of, get_tree
from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition, NotFound
from bms.core.events import Event
from bms.core.ids import new_id
from bms.core.pages import Page, PageRequest
from bms.core.workloads.programs import JobEvent

LOG_PIECE = 1 << 20
EVENTS_PIECE = 1000


class JobService:
    """Jobs of tenants. Emits `job.submitted`, `job.cancel_requested` and, for jobs that never ran, `job.ended`."""

    def __init__(self, store: Store[JobsTx], objects: ObjectStore, history: History, clock: Clock) -> None:
        self._store = store
        self._objects = objects
        self._history = history
        self._clock = clock

    async def submit(self, tenant: str, by: str, name: str, spec: JobSpec, *, id: str | None = None) -> Job:
        """Puts a job in the queue. A caller that may ask twice gives the `id`, and gets one job.

        Raises InvalidArgument for a spec that can't be run, NotFound for trees that are not there, AlreadyExists
        for an id in use.
        """
        check_job_name(name)
        spec = msgspec.convert(msgspec.to_builtins(spec), JobSpec)  # plain values all through, as it will be read
        check_spec(spec)
        await check_trees(self._objects, tenant, spec)
        job = Job(
            id=new_id("job") if id is None else check_job_id(id),
            tenant=tenant,
            name=name,
            spec=spec,
            state="queued",
            created_at=self._clock.now(),
            created_by=by,
        )
        async with self._store.write() as tx:
            await tx.add_job(job)
            event = JobSubmitted(kind=spec.kind, subject=spec.subject, name=name)
            await tx.emit(job_event(event, job, by, self._clock))
        return job

    async def get(self, tenant: str, id: str) -> Job:
        async with self._store.read() as tx:
            job = await tx.job(tenant, id)
        return _found(job, id)

    async def find(self, tenant: str, id: str) -> Job | None:
        async with self._store.read() as tx:
            return await tx.job(tenant, id)

    async def ended(self, kinds: Collection[str], after: datetime, before: datetime) -> list[tuple[str, str]]:
        """(tenant, id) of all tenants' jobs of these kinds that ended between. For the platform's loops."""
        async with self._store.read() as tx:
            return await tx.ended(kinds, after, before)

    async def jobs(
        self,
        tenant: str,
        page: PageRequest,
        *,
        state: JobState | None = None,
        kind: str | None = None,
        subject: str | None = None,
    ) -> Page[Job]:
        """Jobs, newest first."""
        async with self._store.read() as tx:
            return await tx.jobs(tenant, page, state=state, kind=kind, subject=subject)

    async def cancel(self, tenant: str, by: str, id: str) -> Job:
        """Cancels a job: a queued one ends at once; one that runs is stopped, and counts as cancelled whatever its
        result.

        Asking again changes nothing. Raises FailedPrecondition for a job that has ended otherwise.
        """
        async with self._store.write() as tx:
            job = _found(await tx.locked(tenant, id), id)
            if job.state == "cancelled" or (job.cancel_requested and not job.ended):
                return job
            if job.ended:
                raise FailedPrecondition(f"job {id} has {job.state} already: there is nothing left to cancel")
            asked = msgspec.structs.replace(job, cancel_requested=True)
            if job.state == "queued":
                asked = moved(asked, "cancelled", self._clock.now(), error="cancelled on request")
            saved = await tx.save_job(asked)
            event = JobCancelRequested(kind=saved.spec.kind, subject=saved.spec.subject)
            await tx.emit(job_event(event, saved, by, self._clock))
            if saved.ended:
                await tx.emit(job_event(job_ended(saved), saved, by, self._clock))
        return saved

    async def retry(self, tenant: str, by: str, id: str) -> Job:
        """Submits a new job of the same spec. Raises FailedPrecondition while the old one has not ended."""
        old = await self.get(tenant, id)
        if not old.ended:
            raise FailedPrecondition(f"job {id} is still {old.state}: cancel it or wait for its end, then retry")
        return await self.submit(tenant, by, old.name, old.spec)

    async def remark(self, tenant: str, id: str, message: str) -> Job:
        """Adds a remark to an ended job, for people: what became of its result, for example."""
        async with self._store.write() as tx:
            job = _found(await tx.locked(tenant, id), id)
            return await tx.save_job(msgspec.structs.replace(job, message=message))

    async def log(self, tenant: str, id: str, offset: int = 0) -> LogPart:
        """The next piece of the log, while the job runs and afterwards; empty at its present end."""
        return await self._history.log(await self.get(tenant, id), offset, LOG_PIECE)

    async def events(self, tenant: str, id: str, after: int = 0) -> list[JobEvent]:
        """Up to 1000 events of the job, the first `after` left out."""
        return await self._history.events(await self.get(tenant, id), after, EVENTS_PIECE)

    async def output(self, tenant: str, id: str) -> Tree:
        """The files a job made. Raises FailedPrecondition before it succeeded, NotFound if it made none."""
        job = await self.get(tenant, id)
        if job.output is not None:
            return await get_tree(self._objects, tenant, job.output)
        if job.state == "succeeded":
            raise NotFound(f"job {id} made no files")
        raise FailedPrecondition(f"job {id} is {job.state}: only a job that succeeded has output")

    async def references(self, tenant: str) -> frozenset[str]:
        """Every digest that collection of blobs must spare for the tenant's jobs."""
        async with self._store.read() as tx:
            found = await tx.references(tenant)
        return found.blobs | await digests_of(self._objects, tenant, found.trees)


def job_event(payload: OfJob, job: Job, actor: str, clock: Clock) -> Event[OfJob]:
    return Event(payload=payload, tenant=job.tenant, subject=job.id, actor=actor, at=clock.now())


def job_ended(job: Job) -> JobEnded:
    """The event of a job that has come to its end."""
    return JobEnded(kind=job.spec.kind, subject=job.spec.subject, state=job.state)


def _found(job: Job | None, id: str) -> Job:
    if job is None:
        raise NotFound(f"no job {id[:80]!r} in this tenant: list them with `bms job list`")
    return job
