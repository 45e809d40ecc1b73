"""Evaluates gates: what a version must reach on a data set before an alias may point at it, measured by jobs."""

from collections.abc import AsyncIterator, Awaitable
from functools import partial

import msgspec

from bms.control.datasets.service import DatasetService
from bms.control.evaluation.findings import MAX_REASON, result_of
from bms.control.evaluation.measuring import ENTRY, Measuring
from bms.control.jobs.events import JobEnded
from bms.control.jobs.latest import newest_ended
from bms.control.jobs.nouns import Job
from bms.control.jobs.service import JobService
from bms.control.models.events import VersionReady
from bms.control.models.gates import awaited, standings
from bms.control.models.nouns import Gate, Version
from bms.control.models.service import ModelService
from bms.control.models.verdicts import plain
from bms.control.platform.attempting import TRANSIENT
from bms.control.platform.sweeps import MissedReaction, Since
from bms.core.clock import Clock
from bms.core.errors import AlreadyExists, BmsError, FailedPrecondition, NotFound
from bms.core.events import Event


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The result of starting an evaluation: the jobs that measure a version's gates, and the ids of those that ran
    already."""

    items: tuple[Job, ...]
    running: tuple[str, ...] = ()


class Gates:
    """Handles `version.ready` (measures every gate of its model) and `job.ended` (records what was measured).

    A gate that can't be measured keeps its reason on the version, and no other gate from being measured.
    """

    def __init__(self, jobs: JobService, models: ModelService, datasets: DatasetService, clock: Clock) -> None:
        self._jobs = jobs
        self._models = models
        self._measuring = Measuring(jobs, datasets)
        self._clock = clock

    async def on_version_ready(self, event: Event[VersionReady]) -> None:
        """Submits the jobs for a version that became ready. Raises an error that may pass, once every gate was
        tried."""
        await self._measure(await self._models.version_by_id(event.tenant, event.subject))

    async def missed_reactions(self, since: Since) -> AsyncIterator[MissedReaction]:
        """Finds ready versions with an awaited gate that no job measures, and measurements that were never recorded."""
        for version in await self._models.ready(since.after, since.before):
            if await self._awaits_in_vain(version):
                what = f"the measuring of version {version.number} of {version.model!r}"
                yield MissedReaction(version.tenant, version.id, what, partial(self._measure, version))
        for job in await newest_ended(self._jobs, "evaluate", since, lambda job: repr(job.spec.then.get("gate"))):
            if job.spec.entry != ENTRY or await self._recorded(job):
                since.settled.add(job.id)
            else:
                yield MissedReaction(
                    job.tenant,
                    job.spec.subject,
                    f"what job {job.id} measured",
                    partial(self._record_measurement, job),
                    job.id,
                )

    async def _recorded(self, job: Job) -> bool:
        """Whether the version has the result of this measurement, or no result is expected any more."""
        try:
            version = await self._models.version_by_id(job.tenant, job.spec.subject)
        except NotFound:
            return True
        known = any(job.id in (result.job, result.tried) for result in version.gate_results)
        return known or version.state not in ("ready", "offline")

    async def _awaits_in_vain(self, version: Version) -> bool:
        if all(result.value is not None or result.reason for result in version.gate_results):
            return False
        gates = (await self._models.model(version.tenant, version.model)).gates
        for number, gate in enumerate(gates):
            (standing,) = standings((gate,), version.gate_results)
            known = await self._jobs.find(version.tenant, _job_of(version, number))
            if standing.state == "measuring" and known is None and not await self._measuring.running(version, gate):
                return True
        return False

    async def _measure(self, version: Version) -> None:
        model = await self._models.model(version.tenant, version.model)
        passing: BmsError | None = None
        for number, gate in enumerate(model.gates):
            try:
                job = self._measuring.submit(version, gate, version.created_by, _job_of(version, number))
                await self._submit_first(version, gate, job)
            except TRANSIENT as error:
                passing = error
        if passing is not None:
            raise passing

    async def on_ready_given_up(self, event: Event[VersionReady], words: str) -> None:
        """Notes at every gate of the version that is still awaited why it will not be measured."""
        version = await self._models.version_by_id(event.tenant, event.subject)
        for number, gate in enumerate((await self._models.model(event.tenant, version.model)).gates):
            try:
                await self._jobs.get(event.tenant, _job_of(version, number))
            except NotFound:
                await self._record_failure(version, gate, f"its measuring could not begin: {words}")

    async def evaluate(self, tenant: str, by: str, model: str, number: int) -> Evaluation:
        """Measures all gates of a ready version anew, for example after the gates were changed. What is being measured
        already, on the same data, is not begun once more.

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
        jobs: list[Job] = []
        running: list[str] = []
        for gate, standing in zip(gates, known, strict=True):
            if (going := await self._measuring.running(version, gate)) is not None:
                jobs.append(going)
                running.append(going.id)
                continue
            if standing.result is None or standing.result.value is None:
                await self._models.record_gate_result(tenant, version.id, awaited((gate,), self._clock.now())[0])
            try:
                job = await self._submit_first(version, gate, self._measuring.resubmit(version, gate, by))
            except TRANSIENT as error:
                await self._record_failure(version, gate, f"its measuring could not begin: {error.message}")
                raise
            if job is not None:
                jobs.append(job)
        if not jobs:
            standings = await self._models.gates(tenant, model, number)
            raise FailedPrecondition("; ".join(standing.why for standing in standings if standing.why))
        return Evaluation(items=tuple(jobs), running=tuple(running))

    async def on_job_ended(self, event: Event[JobEnded]) -> None:
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.entry == ENTRY:
            await self._record_measurement(job)

    async def _record_measurement(self, job: Job) -> None:
        gate = msgspec.convert(job.spec.then["gate"], Gate)
        await self._models.record_gate_result(job.tenant, job.spec.subject, result_of(job, gate, self._clock.now()))

    async def on_end_given_up(self, event: Event[JobEnded], words: str) -> None:
        """Notes at the gate of this job why its measurement was not recorded."""
        job = await self._jobs.get(event.tenant, event.subject)
        if job.spec.entry == ENTRY:
            version = await self._models.version_by_id(job.tenant, job.spec.subject)
            gate = msgspec.convert(job.spec.then["gate"], Gate)
            await self._record_failure(version, gate, f"what job {job.id} measured could not be recorded: {words}")

    async def _submit_first(self, version: Version, gate: Gate, submitting: Awaitable[Job]) -> Job | None:
        """Submits the job that measures the gate; None where it can't be measured, which is noted on the version, or
        was submitted before a crash. Raises an error that may pass."""
        try:
            return await submitting
        except AlreadyExists:
            return None
        except TRANSIENT:
            raise
        except BmsError as error:
            await self._record_failure(version, gate, error.message)
            return None

    async def _record_failure(self, version: Version, gate: Gate, reason: str) -> None:
        (blank,) = awaited((gate,), self._clock.now())
        result = msgspec.structs.replace(blank, reason=plain(reason, MAX_REASON))
        await self._models.record_gate_result(version.tenant, version.id, result)


def _job_of(version: Version, number: int) -> str:
    """The id of the job that measures a gate first: the same after a crash."""
    return f"job_gate{number}_{version.id}"
