"""Runs imports of data sets as jobs: from `dataset.import_requested` to a version that is ready or failed."""

from collections.abc import AsyncIterator
from functools import partial

from bms.control.datasets.events import DatasetImportRequested
from bms.control.datasets.importing import import_job
from bms.control.datasets.nouns import DatasetVersion
from bms.control.datasets.service import DatasetService
from bms.control.jobs.events import JobEnded
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.control.jobs.service import JobService
from bms.control.platform.attempting import TRANSIENT
from bms.control.platform.sweeps import MissedReaction, Since
from bms.core.errors import AlreadyExists, BmsError
from bms.core.events import Event
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.resources import Resources

KIND = "import"


class Imports:
    """Handles `dataset.import_requested` and `job.ended`."""

    def __init__(self, jobs: JobService, datasets: DatasetService) -> None:
        self._jobs = jobs
        self._datasets = datasets

    async def on_import_requested(self, event: Event[DatasetImportRequested]) -> None:
        await self._begin(await self._datasets.version_by_id(event.tenant, event.subject))

    async def missed_reactions(self, since: Since) -> AsyncIterator[MissedReaction]:
        """Finds versions that are imported by no job, or by one that has ended."""
        for version in await self._datasets.importing(since.before):
            job = await self._jobs.find(version.tenant, _importing(version))
            what = f"the import of {version.reference}"
            if job is None:
                yield MissedReaction(version.tenant, version.id, what, partial(self._begin, version))
            elif job.ended_at is not None and job.ended_at < since.before:
                yield MissedReaction(version.tenant, version.id, what, partial(self._finish_import, job))

    async def _begin(self, version: DatasetVersion) -> None:
        if version.state != "importing":
            return
        id = _importing(version)
        try:
            await self._jobs.submit(version.tenant, version.created_by, import_job(version).name, _spec(version), id=id)
        except AlreadyExists:
            pass  # submitted before a crash
        except TRANSIENT:
            raise
        except BmsError as error:
            await self._datasets.finish_import(version.tenant, version.id, tree=None, report={}, reason=error.message)
            return
        await self._datasets.note_job(version.tenant, version.id, id)

    async def on_given_up(self, event: Event[DatasetImportRequested], why: str) -> None:
        """Ends the import of an event whose handlers were given up: it would go on for ever."""
        await self._give_up(event.tenant, event.subject, f"its import could not begin: {why}")

    async def on_end_given_up(self, event: Event[JobEnded], why: str) -> None:
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.kind == KIND:
            await self._give_up(job.tenant, job.spec.subject, f"what job {job.id} made could not be recorded: {why}")

    async def on_job_ended(self, event: Event[JobEnded]) -> None:
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.kind == KIND:
            await self._finish_import(job)

    async def _finish_import(self, job: Job) -> None:
        reason = "" if job.state == "succeeded" else job.error or f"its import ended as {job.state}"
        await self._datasets.finish_import(
            job.tenant, job.spec.subject, tree=job.output, report=job.report, reason=reason
        )

    async def _give_up(self, tenant: str, id: str, reason: str) -> None:
        if (await self._datasets.version_by_id(tenant, id)).state == "importing":
            await self._datasets.finish_import(tenant, id, tree=None, report={}, reason=reason)


def _importing(version: DatasetVersion) -> str:
    """The id of the job that imports a version: the same after a crash."""
    return f"job_import_{version.id}"


def _spec(version: DatasetVersion) -> JobSpec:
    wanted = import_job(version)
    return JobSpec(
        kind=KIND,
        entry=wanted.entry,
        inputs=tuple(
            TreeInput(name=name, tree=tree, reference=version.reference) for name, tree in wanted.inputs.items()
        ),
        parameters=wanted.parameters,
        environment=EnvironmentSpec(requirements=wanted.requirements),
        resources=Resources(cpu=1, memory=4 * 2**30),
        timeout_s=3600,
        max_attempts=2,
        subject=wanted.subject,
    )
