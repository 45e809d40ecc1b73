"""Every uploaded version is loaded once in a throw-away process before anybody may use it."""

import msgspec

from bms.control.jobs.nouns import JobSpec, TreeInput
from bms.control.jobs.service import JobService
from bms.control.models.nouns import Version
from bms.control.models.service import ModelService
from bms.control.optimization.conversion import servable_config
from bms.core.errors import AlreadyExists
from bms.core.events import Event
from bms.core.programs import VerifyReport
from bms.core.resources import Resources


class Verification:
    """Handles `version.uploaded` (submits the job) and `job.ended` (accepts or rejects the version)."""

    def __init__(self, jobs: JobService, models: ModelService) -> None:
        self._jobs = jobs
        self._models = models

    async def on_version_uploaded(self, event: Event) -> None:
        version = await self._models.version_by_id(event.tenant, event.subject)
        if version.state != "verifying":
            return
        try:
            await self._jobs.submit(
                version.tenant, version.created_by, "verify", _job(version), id=f"job_verify_{version.id}"
            )
        except AlreadyExists:
            return  # submitted before a crash

    async def on_job_ended(self, event: Event) -> None:
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.kind != "verify":
            return
        version = await self._models.version_by_id(job.tenant, job.spec.subject)
        if version.state != "verifying":
            return
        if job.state != "succeeded":
            reason = job.error or f"its verification ended as {job.state}"
            await self._models.reject_version(job.tenant, version.id, reason)
            return
        try:
            report = msgspec.convert(job.report, VerifyReport)
        except msgspec.ValidationError as error:  # an allowed pickle may have written anything in its process
            await self._models.reject_version(job.tenant, version.id, f"its verification left no report: {error}")
            return
        await self._models.accept_version(job.tenant, version.id, report)


def _job(version: Version) -> JobSpec:
    return JobSpec(
        kind="verify",
        entry="task:verify",
        inputs=(TreeInput(name="artifact", tree=version.artifact, reference=f"{version.model}@{version.number}"),),
        parameters={"servable": msgspec.to_builtins(servable_config(version))},
        environment=version.environment,
        resources=Resources(cpu=1, memory=4 * 2**30),
        timeout_s=300,
        max_attempts=2,
        subject=version.id,
    )
