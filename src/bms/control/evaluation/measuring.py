"""Submits the jobs that measure a gate on a version, one at a time for the same gate."""

import msgspec

from bms.control.datasets.service import DatasetService
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.control.jobs.service import JobService
from bms.control.models.gates import wrong
from bms.control.models.nouns import Gate, Version
from bms.control.models.servable_config import servable_config
from bms.control.platform.attempting import TRANSIENT
from bms.core.digest import of_parts
from bms.core.errors import AlreadyExists, BmsError, FailedPrecondition
from bms.core.pages import PageRequest
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.resources import Resources

ENTRY = "task:evaluate"
LOOKED_AT = 100  # of a version's jobs the newest, among which there is one that measures the same


class Measuring:
    """Submits evaluation jobs. Raises FailedPrecondition and NotFound for a gate that can't be measured."""

    def __init__(self, jobs: JobService, datasets: DatasetService) -> None:
        self._jobs = jobs
        self._datasets = datasets

    async def submit(self, version: Version, gate: Gate, by: str, id: str) -> Job:
        """Submits the job under that id. Raises AlreadyExists where there is one."""
        return await self._submitted(await self._spec(version, gate), gate, version, by, id)

    async def running(self, version: Version, gate: Gate) -> Job | None:
        """The job that measures the gate on this data already and has not ended; None also where it can't be
        measured."""
        try:
            spec = await self._spec(version, gate)
        except TRANSIENT:
            raise
        except BmsError:
            return None
        last = await self._last(version, gate)
        return last if last is not None and _goes_on(last, spec) else None

    async def resubmit(self, version: Version, gate: Gate, by: str) -> Job:
        """Submits a new job. Two who ask at once get the same one: its id follows from that of the last."""
        spec = await self._spec(version, gate)
        last = await self._last(version, gate)
        if last is not None and _goes_on(last, spec):
            return last
        id = f"job_{of_parts((version.id, _text(gate), '' if last is None else last.id)).partition(':')[2][:32]}"
        try:
            return await self._submitted(spec, gate, version, by, id)
        except AlreadyExists:
            return await self._jobs.get(version.tenant, id)

    async def _submitted(self, spec: JobSpec, gate: Gate, version: Version, by: str, id: str) -> Job:
        return await self._jobs.submit(version.tenant, by, f"evaluate-{gate.metric}", spec, id=id)

    async def _last(self, version: Version, gate: Gate) -> Job | None:
        page = PageRequest(limit=LOOKED_AT)
        jobs = await self._jobs.jobs(version.tenant, page, kind="evaluate", subject=version.id)
        wanted = _plain(gate)
        return next(
            (job for job in jobs.items if job.spec.entry == ENTRY and job.spec.then.get("gate") == wanted), None
        )

    async def _spec(self, version: Version, gate: Gate) -> JobSpec:
        if (why := wrong(gate)) is not None:
            raise FailedPrecondition(why)
        data = await self._datasets.resolve(version.tenant, gate.dataset)
        assert data.tree is not None
        if gate.split not in data.splits:
            raise FailedPrecondition(f"{data.reference} has no split {gate.split!r}, it has {', '.join(data.splits)}")
        return JobSpec(
            kind="evaluate",
            entry=ENTRY,
            inputs=(
                TreeInput(name="artifact", tree=version.artifact, reference=f"{version.model}@{version.number}"),
                TreeInput(name="data", tree=data.tree, reference=data.reference),
            ),
            parameters={"servable": msgspec.to_builtins(servable_config(version)), "split": gate.split},
            environment=_with_images(version.environment),
            resources=Resources(cpu=1, memory=4 * 2**30),
            timeout_s=900,
            max_attempts=2,
            subject=version.id,
            then={"gate": gate},
        )


def _goes_on(job: Job, spec: JobSpec) -> bool:
    return not job.ended and not job.cancel_requested and _plain(job.spec) == _plain(spec)


def _plain(thing: object) -> object:
    """The gate as it is read from the store."""
    return msgspec.json.decode(msgspec.json.encode(thing))


def _text(gate: Gate) -> str:
    return msgspec.json.encode(gate).decode()


def _with_images(environment: EnvironmentSpec) -> EnvironmentSpec:
    """The version's environment with what decoding a data set's images needs."""
    if environment == EnvironmentSpec() or any(name.startswith("pillow") for name in environment.requirements):
        return environment
    return msgspec.structs.replace(environment, requirements=(*environment.requirements, "pillow>=11"))
