"""Use cases of conversion: a job makes a version in another format, and proves its outputs equal within a tolerance."""

from collections.abc import AsyncIterator
from functools import partial

import msgspec

from bms.control.datasets.service import DatasetService
from bms.control.jobs.events import JobEnded
from bms.control.jobs.latest import newest_ended
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.control.jobs.service import JobService
from bms.control.models.events import VersionReady
from bms.control.models.nouns import Lineage, Version
from bms.control.models.servable_config import servable_config
from bms.control.models.service import ModelService
from bms.control.platform.sweeps import MissedReaction, Since
from bms.control.training.nouns import Register
from bms.core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from bms.core.events import Event
from bms.core.workloads.resources import Resources


class Converter(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion from a runtime's format to another, and what it needs installed beside the parent's requirements."""

    source: str
    target: str
    requirements: tuple[str, ...]


CONVERTERS = (
    Converter(
        source="sklearn",
        target="onnx",
        requirements=("skl2onnx>=1.20,<2", "onnx>=1.20,<2", "onnxruntime>=1.20,<2", "pillow>=11"),
    ),
)
TARGETS = {converter.target for converter in CONVERTERS}
TOLERANCE = 1e-5  # largest difference of any floating-point output; skl2onnx's models mostly stay under 7e-7


class ConversionService:
    """Submits conversions, on request or as a training asked for them."""

    def __init__(self, jobs: JobService, models: ModelService, datasets: DatasetService) -> None:
        self._jobs = jobs
        self._models = models
        self._datasets = datasets

    async def convert(
        self, tenant: str, by: str, model: str, number: int, target: str, *, tolerance: float = TOLERANCE, id: str = ""
    ) -> Job:
        """Submits a job that makes a child of a ready version; asked twice with one `id`, it is the same job.

        Raises InvalidArgument where there is no way to `target`, FailedPrecondition when the version is not
        ready or names no data set to prove the equality on.
        """
        version = await self._models.version(tenant, model, number)
        if version.state != "ready":
            raise FailedPrecondition(f"version {number} of {model!r} is {version.state}, only ready ones are converted")
        if not 0 < tolerance <= 0.1:
            raise InvalidArgument(f"tolerance is {tolerance}, expected more than 0 and at most 0.1")
        converter = _converter(version, target)
        if not version.lineage.datasets:
            raise FailedPrecondition(
                f"version {number} of {model!r} names no data set: its child can't be proved equal. One that a "
                "job trained does (`bms job train --dataset`), one that was pushed does not"
            )
        data = await self._datasets.resolve(tenant, version.lineage.datasets[0])
        assert data.tree is not None
        spec = JobSpec(
            kind="convert",
            entry="task:convert",
            inputs=(
                TreeInput(name="artifact", tree=version.artifact, reference=f"{model}@{number}"),
                TreeInput(name="data", tree=data.tree, reference=data.reference),
            ),
            parameters={
                "servable": msgspec.to_builtins(servable_config(version)),
                "target": target,
                "tolerance": tolerance,
            },
            environment=msgspec.structs.replace(
                version.environment, requirements=(*version.environment.requirements, *converter.requirements)
            ),
            resources=Resources(cpu=1, memory=4 * 2**30),
            timeout_s=900,
            subject=version.id,
            then={
                "register": Register(
                    model=model,
                    lineage=Lineage(parent=number, relation="converted", datasets=version.lineage.datasets),
                )
            },
        )
        try:
            return await self._jobs.submit(tenant, by, f"convert-{target}", spec, id=id or None)
        except AlreadyExists:
            return await self._jobs.get(tenant, id)

    async def on_version_ready(self, event: Event[VersionReady]) -> None:
        """Handles `version.ready`: submits the conversions that the training which made the version asked for."""
        version = await self._models.version_by_id(event.tenant, event.subject)
        for target in await self._asked(version):
            await self._begin(version, target)

    async def on_job_ended(self, event: Event[JobEnded]) -> None:
        """Handles `job.ended`, once the output is registered: notes on the parent how its conversion ended."""
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.kind == "convert":
            await self._record_conversion(job)

    async def missed_reactions(self, since: Since) -> AsyncIterator[MissedReaction]:
        """Finds ready versions whose conversion was neither begun nor refused, and conversions that ended without a
        note on the parent."""
        for version in await self._models.ready(since.after, since.before):
            once = f"conversion of {version.id}"
            unbegun = [] if once in since.settled else await self._unbegun(version)
            for target in unbegun:
                what = f"the conversion of version {version.number} of {version.model!r} to {target}"
                yield MissedReaction(version.tenant, version.id, what, partial(self._begin, version, target))
            if not unbegun:
                since.settled.add(once)
        for job in await newest_ended(self._jobs, "convert", since, lambda job: str(job.spec.parameters.get("target"))):
            if job.id in await self._noted_text(job):
                since.settled.add(job.id)
            else:
                what = f"the end of conversion {job.id}"
                yield MissedReaction(job.tenant, job.spec.subject, what, partial(self._record_conversion, job), job.id)

    async def _unbegun(self, version: Version) -> list[str]:
        """The target formats for which there is neither a job nor a note."""
        return [
            target
            for target in await self._asked(version)
            if _note(target) not in version.metadata
            and await self._jobs.find(version.tenant, _first(version, target)) is None
        ]

    async def _asked(self, version: Version) -> tuple[str, ...]:
        """The target formats that the training which made the version asked for."""
        job = None if version.lineage.job is None else await self._jobs.find(version.tenant, version.lineage.job)
        register = None if job is None else job.spec.then.get("register")
        return () if register is None else msgspec.convert(register, Register).convert

    async def _noted_text(self, job: Job) -> str:
        """The text of the note on the parent about a conversion; the id of the job where the parent is gone."""
        try:
            parent = await self._models.version_by_id(job.tenant, job.spec.subject)
        except NotFound:
            return job.id
        return parent.metadata.get(_note(str(job.spec.parameters["target"])), "")

    async def _begin(self, version: Version, target: str) -> None:
        id = _first(version, target)
        try:
            await self.convert(version.tenant, version.created_by, version.model, version.number, target, id=id)
        except (InvalidArgument, FailedPrecondition, NotFound) as error:
            await self._models.note(version.tenant, version.id, _note(target), f"not started: {error.message}")

    async def _record_conversion(self, job: Job) -> None:
        register = msgspec.convert(job.spec.then["register"], Register)
        child = await self._models.version_of_job(job.tenant, register.model, job.id)
        if child is not None:
            words = f"version {child.number}, made by job {job.id}"
        else:
            words = f"none: job {job.id} {job.state}: {job.error or job.message}"
        await self._models.note(job.tenant, job.spec.subject, _note(str(job.spec.parameters["target"])), words)


def _first(version: Version, target: str) -> str:
    """The id of the conversion that a training asked for: the same after a crash."""
    return f"job_{target}_{version.id}"


def _note(target: str) -> str:
    """The name of the note on a parent, for its owner."""
    return f"conversion to {target}"


def _converter(version: Version, target: str) -> Converter:
    for converter in CONVERTERS:
        if (converter.source, converter.target) == (version.runtime, target):
            return converter
    ways = ", ".join(f"{known.source} to {known.target}" for known in CONVERTERS)
    raise InvalidArgument(f"{version.runtime!r} can't be converted to {target!r}: possible are {ways}")
