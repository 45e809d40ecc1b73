"""Gates: what a version must reach on data before an alias may point at it, measured by jobs."""

import msgspec

from bms.control.datasets.service import DatasetService
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.control.jobs.service import JobService
from bms.control.models.gates import reached
from bms.control.models.nouns import Gate, GateResult, Version
from bms.control.models.service import ModelService
from bms.control.optimization.conversion import servable_config
from bms.control.platform.environments import EnvironmentSpec
from bms.core.clock import Clock
from bms.core.errors import AlreadyExists, FailedPrecondition, Internal
from bms.core.events import Event
from bms.core.resources import Resources

MAX_NOTE = 500  # characters


class Gates:
    """Handles `version.ready` (measures every gate of its model) and `job.ended` (records what was measured)."""

    def __init__(self, jobs: JobService, models: ModelService, datasets: DatasetService, clock: Clock) -> None:
        self._jobs = jobs
        self._models = models
        self._datasets = datasets
        self._clock = clock

    async def on_version_ready(self, event: Event) -> None:
        version = await self._models.version_by_id(event.tenant, event.subject)
        model = await self._models.model(event.tenant, version.model)
        for number, gate in enumerate(model.gates):
            try:
                await self._measure(version, gate, version.created_by, id=f"job_gate{number}_{version.id}")
            except AlreadyExists:
                continue  # submitted before a crash

    async def evaluate(self, tenant: str, by: str, model: str, number: int) -> list[Job]:
        """Measures all gates of a ready version anew, for example after the gates were changed."""
        version = await self._models.version(tenant, model, number)
        if version.state != "ready":
            raise FailedPrecondition(f"version {number} of {model!r} is {version.state}, only ready ones are evaluated")
        gates = (await self._models.model(tenant, model)).gates
        if not gates:
            raise FailedPrecondition(f"model {model!r} has no gates to measure: set some with `bms model gate`")
        return [await self._measure(version, gate, by, id=None) for gate in gates]

    async def on_job_ended(self, event: Event) -> None:
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.kind != "evaluate" or job.state != "succeeded":
            return
        gate = msgspec.convert(job.spec.then["gate"], Gate)
        value = job.metrics.get(gate.metric)
        if value is None:
            raise Internal(f"job {job.id} measured no {gate.metric!r}: it measured {', '.join(sorted(job.metrics))}")
        result = GateResult(
            metric=gate.metric,
            dataset=job.spec.inputs[1].reference,
            split=gate.split,
            minimum=gate.minimum,
            maximum=gate.maximum,
            value=value,
            passed=reached(gate, value),
            job=job.id,
            at=self._clock.now(),
            note=_note(job),
        )
        await self._models.record_gate_result(job.tenant, job.spec.subject, result)

    async def _measure(self, version: Version, gate: Gate, by: str, id: str | None) -> Job:
        data = await self._datasets.resolve(version.tenant, gate.dataset)
        assert data.tree is not None
        spec = JobSpec(
            kind="evaluate",
            entry="task:evaluate",
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


def _note(job: Job) -> str:
    """How data and model were joined, in the words of the job, whose report a model's code may have written."""
    joined = job.report.get("joined")
    said = "; ".join(map(str, joined)) if isinstance(joined, list | tuple) else ""
    return "".join(letter if letter.isprintable() else " " for letter in said)[:MAX_NOTE]


def _with_images(environment: EnvironmentSpec) -> EnvironmentSpec:
    """The version's own environment, with what decoding a data set's images takes."""
    if environment == EnvironmentSpec() or any(name.startswith("pillow") for name in environment.requirements):
        return environment
    return msgspec.structs.replace(environment, requirements=(*environment.requirements, "pillow>=11"))
