"""The slow parts of an attempt: prepare and start, stop, collect and end. None holds a transaction meanwhile.

Every change of the row is made under the token that the attempt was claimed with; once another process has taken it
over, this one writes nothing any more.
"""

import asyncio
import logging
import math
from datetime import timedelta
from typing import Any

import msgspec

from bms.control.jobs.allotted import held_by, size_of_its_own
from bms.control.jobs.events import JobStarted
from bms.control.jobs.history import History
from bms.control.jobs.nouns import Job
from bms.control.jobs.outcomes import AttemptOutcome, after_attempt, ending, is_repeated
from bms.control.jobs.ports import AttemptFiles, JobsTx
from bms.control.jobs.progress import clean, clean_result, shown
from bms.control.jobs.service import job_ended, job_event
from bms.control.jobs.states import moved
from bms.control.platform.allotments import Allotment, DeviceMemory, no_devices, storage_rates
from bms.control.platform.clusters import Cluster
from bms.control.platform.transactions import Store
from bms.control.secrets.sealing import NOTHING, SecretEncryption, encode_sealed
from bms.core.clock import Clock
from bms.core.errors import BmsError, DataLoss, FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable
from bms.core.workloads.programs import ARTIFACT, CHECKPOINT, CODE, INPUTS, JobConfig, JobEvent, JobResult, StdinSecrets
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus

log = logging.getLogger("bms.jobs")
PREPARATION_S = 1800.0  # how long building an environment and fetching inputs may take
NO_ROOM_S = 5.0  # pause after the cluster had no room
PROGRAM = "bms.app.job"


def workload_spec(job: Job, *, network: bool = False) -> WorkloadSpec:
    """The workload of the job's present attempt."""
    spec = job.spec
    config = JobConfig(
        job=job.id,
        attempt=job.attempt,
        entry=spec.entry,
        parameters=spec.parameters,
        threads=max(1, math.ceil(spec.resources.cpu)),
        model=spec.model,
    )
    trees = {INPUTS + given.name: given.tree for given in spec.inputs}
    if spec.code is not None:
        trees[CODE] = spec.code
    if job.checkpoint is not None:
        trees[CHECKPOINT] = job.checkpoint
    return WorkloadSpec(
        id=job.workload,
        kind="job",
        tenant=job.tenant,
        owner=job.id,
        epoch=job.token,
        program=PROGRAM,
        config=msgspec.to_builtins(config),
        resources=spec.resources,
        environment=spec.environment,
        trees=trees,
        network=network,
    )


class Attempts:
    """Runs the slow parts of attempts."""

    def __init__(
        self,
        store: Store[JobsTx],
        cluster: Cluster,
        files: AttemptFiles,
        history: History,
        clock: Clock,
        sealing: SecretEncryption = NOTHING,
        device_memory: DeviceMemory = no_devices,
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._files = files
        self._history = history
        self._clock = clock
        self._sealing = sealing
        self._device_memory = device_memory

    async def prepare(self, job: Job) -> None:
        """Takes an attempt from "starting" to a workload that runs, or to a failed attempt where that can't be done."""
        try:
            async with asyncio.timeout(PREPARATION_S):
                sealed = await self._sealed(job)
                workload = workload_spec(job, network=sealed.network)
                await self._make_ready(job, workload)
        except Unavailable:
            raise
        except ResourceExhausted as error:  # a full disk: nothing is wrong with the job, nor with the model it looks at
            await self._release(job, str(error))
            return
        except TimeoutError:
            await self.conclude(
                job, AttemptOutcome(state="failed", error=f"it could not be got ready in {PREPARATION_S:.0f} s")
            )
            return
        except (BmsError, OSError) as error:
            # What is wrong with what was asked for is wrong the next time, too.
            final = isinstance(error, InvalidArgument | FailedPrecondition)
            await self.conclude(
                job, AttemptOutcome(state="failed", error=f"it could not be got ready: {error}", final=final)
            )
            return
        if not await self._take_resources(job):
            return
        try:
            await self._cluster.start(workload, encode_sealed(sealed))
        except Unavailable:
            raise  # whether it was started is not known, and starting again does no harm
        except ResourceExhausted as error:
            await self._release(job, str(error))
        except BmsError as error:
            await self.conclude(job, AttemptOutcome(state="failed", error=f"it could not be started: {error}"))
        else:
            await self.note_started(job)

    async def note_started(self, job: Job) -> None:
        async with self._store.write() as tx:
            current = await tx.held(job.id, job.token)
            if current is None or current.state != "starting":
                return
            saved = await tx.save_job(moved(current, "running", self._clock.now()))
            event = JobStarted(kind=saved.spec.kind, subject=saved.spec.subject, attempt=saved.attempt)
            await tx.emit(job_event(event, saved, "system", self._clock))

    async def stop(self, job: Job, reason: str) -> None:
        """Stops the attempt's workload. The reason is stored first, so that whichever process collects the attempt
        knows it."""
        if reason and not job.stopping:
            async with self._store.write() as tx:
                current = await tx.held(job.id, job.token)
                if current is None:
                    return
                await tx.save_job(msgspec.structs.replace(current, stopping=reason))
        await self._cluster.stop(job.workload)

    async def collect(self, job: Job, status: WorkloadStatus | None) -> None:
        """Ends the attempt by its result and output. A workload that is not to be seen is looked for once more."""
        if status is None:
            status = (await self._cluster.observe()).get(job.workload)
            if status is not None and status.state == "running":
                return
        result: JobResult | None = None
        unreadable = ""
        try:
            found = await self._files.result(job.workload)
            result = None if found is None else clean_result(found)
        except DataLoss as error:
            unreadable = str(error)
        end = ending(job, status, result, unreadable)
        if end.state == "succeeded" and not job.cancel_requested:
            try:
                output = await self._files.store(job.tenant, job.workload, "output")
                if output is not None:
                    size = size_of_its_own(job.spec, output)
                    end = msgspec.structs.replace(end, output=output.digest, output_size=size)
            except Unavailable:
                raise
            except (BmsError, OSError) as error:
                end = AttemptOutcome(
                    state="failed", error=f"its output could not be kept: {error}", metrics=end.metrics
                )
        unsaid = b"" if result else await self._files.console_tail(job.workload)
        if is_repeated(job, end):
            checkpoint, words = await self._checkpoint(job)
            end, unsaid = msgspec.structs.replace(end, checkpoint=checkpoint), unsaid + words
        await self.conclude(job, end, unsaid)

    async def _checkpoint(self, job: Job) -> tuple[str | None, bytes]:
        """Keeps the checkpoint of the attempt for its next one; returns its digest, and a line for the log where that
        failed."""
        try:
            left = await self._files.store(job.tenant, job.workload, "checkpoint")
        except Unavailable:
            raise
        except (BmsError, OSError) as error:
            return None, f"its checkpoint could not be kept: {clean(str(error))}\n".encode()
        return (None, b"") if left is None else (left.digest, b"")

    async def conclude(self, job: Job, end: AttemptOutcome, unsaid: bytes = b"") -> None:
        """Keeps the log and events, then commits the attempt's end, with its event, in one transaction."""
        end = msgspec.structs.replace(end, error=clean(end.error))
        kept: dict[str, Any] = {}
        events: list[JobEvent] = []
        if job.state != "queued":
            events = await self._history.present_events(job)
            kept = await self._kept(job, end, unsaid)
        async with self._store.write() as tx:
            current = await tx.held(job.id, job.token)
            if current is None or current.state != job.state:
                log.info("job %s was taken over: another process records its end", job.id)
                return
            ended = after_attempt(shown(current, events), end, self._clock.now())
            saved = await tx.save_job(msgspec.structs.replace(ended, **kept))
            await tx.close_allotment(job.tenant, "jobs", job.workload, self._clock.now())
            if saved.output is not None and (rates := storage_rates(end.output_size)):
                output = Allotment(of="storage", subject=job.id, tenant=job.tenant, rates=rates)
                await tx.open_allotment(output, self._clock.now())
            if saved.ended:
                await tx.emit(job_event(job_ended(saved), saved, "system", self._clock))
        await self._files.remove(job.workload)

    async def _kept(self, job: Job, end: AttemptOutcome, unsaid: bytes) -> dict[str, Any]:
        last = f"{end.state}: {end.error}\n".encode() if end.error else b""
        try:
            return msgspec.structs.asdict(await self._history.keep(job, unsaid + last))
        except Unavailable:
            raise
        except (BmsError, OSError):
            # A full disk must not keep a job from ending: the end counts more than its log.
            log.exception("the log of job %s could not be kept", job.id)
            return {}

    async def _make_ready(self, job: Job, workload: WorkloadSpec) -> None:
        if job.spec.max_attempts > 1:
            self._files.note(job.workload, f"attempt {job.attempt} of {job.spec.max_attempts}")
        await self._cluster.prepare(workload, lambda line: self._files.note(job.workload, line))

    async def _sealed(self, job: Job) -> StdinSecrets:
        """The secrets and addresses for a model that a task of the platform opens; none for a tenant's code."""
        if job.spec.code is not None:
            return StdinSecrets()
        for given in job.spec.inputs:
            if given.name == ARTIFACT:
                return await self._sealing.of(job.tenant, given.tree, job.spec.environment)
        return StdinSecrets()

    async def _take_resources(self, job: Job) -> bool:
        """Opens the attempt's allotment; returns whether the job is still wanted. It is durable before the process
        starts, so that none runs uncounted."""
        async with self._store.write() as tx:
            current = await tx.held(job.id, job.token)
            if current is None or current.state != "starting" or current.cancel_requested:
                return False
            await tx.open_allotment(held_by(job, self._device_memory()), self._clock.now())
        return True

    async def _release(self, job: Job, why: str) -> None:
        """Puts the job back into the queue, the attempt uncounted, for nothing of it ran."""
        async with self._store.write() as tx:
            current = await tx.held(job.id, job.token)
            if current is None or current.state != "starting":
                return
            later = self._clock.now() + timedelta(seconds=NO_ROOM_S)
            back = moved(current, "queued", self._clock.now(), run_at=later)
            words = clean(f"waits for room: {why}")
            await tx.save_job(msgspec.structs.replace(back, attempt=current.attempt - 1, message=words))
            await tx.close_allotment(job.tenant, "jobs", job.workload, self._clock.now())
