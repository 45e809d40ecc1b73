"""Verifies every uploaded version: recognises its format, and loads it once in a throw-away process, before it may be
used.

Both are done by "task:verify": in the platform's own environment first, which recognises what an artifact is without
executing anything of it, and, where the model needs another environment, once more in that.
"""

from collections.abc import AsyncIterator
from functools import partial

import msgspec

from bms.control.jobs.events import JobEnded
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.control.jobs.service import JobService
from bms.control.models.events import OfVersion, VersionRecognised, VersionUploaded
from bms.control.models.nouns import Version
from bms.control.models.servable_config import servable_config
from bms.control.models.service import ModelService
from bms.control.platform.sweeps import MissedReaction, Since
from bms.core.errors import AlreadyExists
from bms.core.events import Event
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.programs import Findings
from bms.core.workloads.resources import Resources

OWN = EnvironmentSpec()  # the platform's own
UNREAD = "not read"  # the note of what the artifact says and nobody here knows


class Verification:
    """Handles `version.uploaded` (recognise it), `version.recognised` (load it) and `job.ended` (what came of it)."""

    def __init__(self, jobs: JobService, models: ModelService, timeout_s: float = 300.0) -> None:
        """`timeout_s` is for each of the two jobs, without the time that building the environment takes."""
        self._jobs = jobs
        self._models = models
        self._timeout_s = timeout_s

    async def on_version_uploaded(self, event: Event[VersionUploaded]) -> None:
        await self._recognise(await self._models.version_by_id(event.tenant, event.subject))

    async def on_version_recognised(self, event: Event[VersionRecognised]) -> None:
        version = await self._models.version_by_id(event.tenant, event.subject)
        if version.state == "verifying":
            await self._submit(version, _loading(version), version.environment)

    async def on_given_up(self, event: Event[OfVersion], why: str) -> None:
        """Rejects the version of an event whose handlers were given up: it would be verified for ever."""
        await self._give_up(event.tenant, event.subject, f"its verification could not begin: {why}")

    async def on_end_given_up(self, event: Event[JobEnded], why: str) -> None:
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.kind == "verify":
            await self._give_up(job.tenant, job.spec.subject, f"what job {job.id} found could not be recorded: {why}")

    async def on_job_ended(self, event: Event[JobEnded]) -> None:
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.kind == "verify":
            await self._record_findings(job)

    async def missed_reactions(self, since: Since) -> AsyncIterator[MissedReaction]:
        """Finds versions without a verdict and without a job that will bring one."""
        for version in await self._models.verifying(since.before):
            tenant, what = version.tenant, f"the verification of version {version.number} of {version.model!r}"
            last = await self._jobs.find(tenant, _loading(version))
            last = last or await self._jobs.find(tenant, _recognising(version))
            if last is None:
                yield MissedReaction(tenant, version.id, what, partial(self._recognise, version))
            elif last.ended_at is not None and last.ended_at < since.before:
                yield MissedReaction(tenant, version.id, what, partial(self._record_findings, last))

    async def _recognise(self, version: Version) -> None:
        if version.state == "verifying":
            await self._submit(version, _recognising(version), OWN, recognise=version.environment)

    async def _record_findings(self, job: Job) -> None:
        version = await self._models.version_by_id(job.tenant, job.spec.subject)
        if version.state != "verifying":
            return
        if job.state != "succeeded":
            reason = job.error or f"its verification ended as {job.state}"
            await self._models.reject_version(job.tenant, version.id, reason)
            return
        try:
            findings = msgspec.convert(job.report, Findings)
        except msgspec.ValidationError as error:  # a model's code may have written anything in its process
            await self._models.reject_version(job.tenant, version.id, f"its verification left no report: {error}")
            return
        await self._found(job, version, findings)

    async def _give_up(self, tenant: str, id: str, reason: str) -> None:
        version = await self._models.version_by_id(tenant, id)
        if version.state == "verifying":
            await self._models.reject_version(tenant, id, reason)

    async def _found(self, job: Job, version: Version, findings: Findings) -> None:
        if findings.recognised is not None and "recognise" in job.spec.parameters:
            version = await self._models.describe_version(job.tenant, version.id, findings.recognised)
        if findings.verified is not None and version.state == "verifying":
            if findings.verified.unread:  # before it is ready: who waits for that finds it
                await self._models.note(job.tenant, version.id, UNREAD, ", ".join(findings.verified.unread))
            await self._models.accept_version(job.tenant, version.id, findings.verified)
        elif findings.recognised is None:
            await self._models.reject_version(job.tenant, version.id, "its verification found nothing")

    async def _submit(
        self, version: Version, id: str, environment: EnvironmentSpec, recognise: EnvironmentSpec | None = None
    ) -> None:
        spec = msgspec.structs.replace(_job(version, environment, recognise), timeout_s=self._timeout_s)
        try:
            await self._jobs.submit(version.tenant, version.created_by, "verify", spec, id=id)
        except AlreadyExists:
            return  # submitted before a crash


def _recognising(version: Version) -> str:
    """The id of the job that recognises a version: the same after a crash."""
    return f"job_verify_{version.id}"


def _loading(version: Version) -> str:
    """The id of the job that loads it."""
    return f"job_load_{version.id}"


def _job(version: Version, environment: EnvironmentSpec, recognise: EnvironmentSpec | None) -> JobSpec:
    parameters: dict[str, object] = {"servable": msgspec.to_builtins(servable_config(version))}
    if version.labels:
        parameters["labels"] = version.labels
    if recognise is not None:
        parameters["recognise"] = msgspec.to_builtins(recognise)
    return JobSpec(
        kind="verify",
        entry="task:verify",
        inputs=(TreeInput(name="artifact", tree=version.artifact, reference=f"{version.model}@{version.number}"),),
        parameters=parameters,
        environment=environment,
        resources=Resources(cpu=1, memory=4 * 2**30, disk=2 * 2**30),
        max_attempts=2,
        subject=version.id,
    )
