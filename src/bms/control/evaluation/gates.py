"""Gates: what a version must reach on data before callers may get it, measured by jobs."""

import msgspec

from bms.control.datasets.service import DatasetService
from bms.control.evaluation.findings import MAX_REASON, result_of
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.control.jobs.service import JobService
from bms.control.models.gates import awaited, wrong
from bms.control.models.nouns import Gate, Version
from bms.control.models.service import ModelService
from bms.control.models.verdicts import plain
from bms.control.optimization.conversion import servable_config
from bms.control.platform.environments import EnvironmentSpec
from bms.control.platform.reactions import TRANSIENT
from bms.core.clock import Clock
from bms.core.errors import AlreadyExists, BmsError, FailedPrecondition, NotFound
from bms.core.events import Event
from bms.core.resources import Resources

ENTRY = "task:evaluate"


class Gates:
    """Handles `version.ready` (measures every gate of its model) and `job.ended` (records what was measured).

    A gate that can't be measured keeps its reason on the version, and no other gate from being measured.
    """

    def __init__(self, jobs: JobService, models: ModelService, datasets: DatasetService, clock: Clock) -> None:
        self._jobs = jobs
        self._models = models
        self._datasets = datasets
        self._clock = clock

    async def on_version_ready(self, event: Event) -> None:
        """Raises an error that may pass, once every gate was tried."""
        version = await self._models.version_by_id(event.tenant, event.subject)
        model = await self._models.model(event.tenant, version.model)
        passing: BmsError | None = None
        for number, gate in enumerate(model.gates):
            try:
                await self._begin(version, gate, version.created_by, id=_job_of(version, number))
            except TRANSIENT as error:
                passing = error
        if passing is not None:
            raise passing

    async def on_ready_given_up(self, event: Event, words: str) -> None:
        """Says at every gate of the version that is still awaited why it will not be measured."""
        version = await self._models.version_by_id(event.tenant, event.subject)
        for number, gate in enumerate((await self._models.model(event.tenant, version.model)).gates):
            try:
                await self._jobs.get(event.tenant, _job_of(version, number))
            except NotFound:
                await self._cannot(version, gate, f"its measuring could not begin: {words}")

    async def evaluate(self, tenant: str, by: str, model: str, number: int) -> list[Job]:
        """Measures all gates of a ready version anew, for example after the gates were changed.

        Raises FailedPrecondition where none can be: each has its reason then.
        """
        version = await self._models.version(tenant, model, number)
        if version.state != "ready":
            raise FailedPrecondition(f"version {number} of {model!r} is {version.state}, only ready ones are evaluated")
        gates = (await self._models.model(tenant, model)).gates
        if not gates:
            raise FailedPrecondition(
                f"model {model!r} has no gates to measure: set some, for example "
                f"`bms model gates {model} --set 'accuracy:DATASET:validation>=0.9'`"
            )
        known = await self._models.gates(tenant, model, number)
        jobs = []
        for gate, standing in zip(gates, known, strict=True):
            if standing.result is None or standing.result.value is None:
                await self._models.record_gate_result(tenant, version.id, awaited((gate,), self._clock.now())[0])
            try:
                job = await self._begin(version, gate, by, id=None)
            except TRANSIENT as error:
                await self._cannot(version, gate, f"its measuring could not begin: {error.message}")
                raise
            if job is not None:
                jobs.append(job)
        if not jobs:
            standings = await self._models.gates(tenant, model, number)
            raise FailedPrecondition("; ".join(standing.why for standing in standings if standing.why))
        return jobs

    async def on_job_ended(self, event: Event) -> None:
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.entry != ENTRY:
            return
        gate = msgspec.convert(job.spec.then["gate"], Gate)
        await self._models.record_gate_result(job.tenant, job.spec.subject, result_of(job, gate, self._clock.now()))

    async def on_end_given_up(self, event: Event, words: str) -> None:
        """Says at the gate of this job why its measurement was not recorded."""
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.entry == ENTRY:
            version = await self._models.version_by_id(job.tenant, job.spec.subject)
            gate = msgspec.convert(job.spec.then["gate"], Gate)
            await self._cannot(version, gate, f"what job {job.id} measured could not be recorded: {words}")

    async def _begin(self, version: Version, gate: Gate, by: str, id: str | None) -> Job | None:
        """The job that measures it; None where it can't be measured, which the version says then, or was begun before
        a crash. Raises an error that may pass."""
        try:
            if (why := wrong(gate)) is not None:
                raise FailedPrecondition(why)
            return await self._submit(version, gate, by, id)
        except AlreadyExists:
            return None
        except TRANSIENT:
            raise
        except BmsError as error:
            await self._cannot(version, gate, error.message)
            return None

    async def _cannot(self, version: Version, gate: Gate, reason: str) -> None:
        (blank,) = awaited((gate,), self._clock.now())
        said = msgspec.structs.replace(blank, reason=plain(reason, MAX_REASON))
        await self._models.record_gate_result(version.tenant, version.id, said)

    async def _submit(self, version: Version, gate: Gate, by: str, id: str | None) -> Job:
        data = await self._datasets.resolve(version.tenant, gate.dataset)
        assert data.tree is not None
        if gate.split not in data.splits:
            raise FailedPrecondition(f"{data.reference} has no split {gate.split!r}, it has {', '.join(data.splits)}")
        spec = JobSpec(
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
        return await self._jobs.submit(version.tenant, by, f"evaluate-{gate.metric}", spec, id=id)


def _job_of(version: Version, number: int) -> str:
    """The id of the job that measures a gate first: the same after a crash."""
    return f"job_gate{number}_{version.id}"


def _with_images(environment: EnvironmentSpec) -> EnvironmentSpec:
    """The version's own environment, with what decoding a data set's images takes."""
    if environment == EnvironmentSpec() or any(name.startswith("pillow") for name in environment.requirements):
        return environment
    return msgspec.structs.replace(environment, requirements=(*environment.requirements, "pillow>=11"))
