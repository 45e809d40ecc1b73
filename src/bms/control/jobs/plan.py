"""Plans what to do about jobs now: rows and workloads in, actions out. Pure; what was done is not planned again."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bms.control.jobs.nouns import Job, JobCapacity, JobState
from bms.control.jobs.outcomes import TIMED_OUT
from bms.control.jobs.queue import next_to_start, too_large
from bms.core.workloads.workload import WorkloadStatus


class JobObservation(msgspec.Struct, frozen=True, kw_only=True):
    """One job that has not ended, as the scheduler that leads sees it."""

    job: Job
    mine: bool = False  # it holds the token of the present attempt
    busy: bool = False  # slow work for it is under way


class Claim(msgspec.Struct, frozen=True):
    """Take a queued job and begin its next attempt."""

    job: Job


class Adopt(msgspec.Struct, frozen=True):
    """Take over an attempt whose scheduler is gone."""

    job: Job


class PrepareAttempt(msgspec.Struct, frozen=True):
    """Get the environment and inputs ready and start the workload."""

    job: Job


class Interrupt(msgspec.Struct, frozen=True):
    """Give up a preparation that is under way."""

    job: Job


class NoteStarted(msgspec.Struct, frozen=True):
    """Record that the attempt's workload was started."""

    job: Job


class StopAttempt(msgspec.Struct, frozen=True):
    """Stop the attempt's workload; a `reason` makes it a failure, none a cancellation."""

    job: Job
    reason: str


class Collect(msgspec.Struct, frozen=True):
    """The workload ended, or is not to be seen (`status` None): keep what it left, end the attempt."""

    job: Job
    status: WorkloadStatus | None


class Finish(msgspec.Struct, frozen=True):
    """End a job that has no workload."""

    job: Job
    state: JobState
    error: str


class StopWorkload(msgspec.Struct, frozen=True):
    """Stop a workload no live attempt owns."""

    workload: str


class ForgetJobWorkload(msgspec.Struct, frozen=True):
    """Drop the record and directory of an ended workload no live attempt owns."""

    workload: str


JobAction = Adopt | PrepareAttempt | Interrupt | NoteStarted | StopAttempt | Collect | Finish
Action = Claim | JobAction | StopWorkload | ForgetJobWorkload


def plan(
    seen: Sequence[JobObservation], workloads: Mapping[str, WorkloadStatus], capacity: JobCapacity, now: datetime
) -> list[Action]:
    """Plans the actions. `seen` must have been read after `workloads` were observed: a workload without a live row is
    then an orphan for certain, and one that is missing must still be looked for again before it counts as lost."""
    actions: list[Action] = []
    due: list[Job] = []
    for one in seen:
        job = one.job
        action: JobAction | None
        if job.state == "queued":
            action = _queued(job, capacity)
            if action is None and (job.run_at is None or job.run_at <= now):
                due.append(job)
        elif not one.mine:
            action = Adopt(job)
        elif job.state == "starting":
            action = _starting(one, workloads.get(job.workload))
        else:
            action = _running(one, workloads.get(job.workload), now)
        if action is not None:
            actions.append(action)
    active = [one.job for one in seen if one.job.state != "queued"]
    actions += [Claim(job) for job in next_to_start(due, active, capacity)]
    return actions + _orphans(seen, workloads)


def _queued(job: Job, capacity: JobCapacity) -> JobAction | None:
    if job.cancel_requested:
        return Finish(job, "cancelled", "cancelled on request")
    if why := too_large(job, capacity):
        return Finish(job, "failed", why)
    return None


def _starting(one: JobObservation, workload: WorkloadStatus | None) -> JobAction | None:
    job = one.job
    if one.busy:
        return Interrupt(job) if job.cancel_requested else None
    if workload is not None:
        return NoteStarted(job)
    if job.cancel_requested:
        return Finish(job, "cancelled", "cancelled on request")
    return PrepareAttempt(job)


def _running(one: JobObservation, workload: WorkloadStatus | None, now: datetime) -> JobAction | None:
    job = one.job
    if one.busy:
        return None
    if workload is None or workload.state == "ended":
        return Collect(job, workload)
    if job.cancel_requested:
        return StopAttempt(job, "")
    if job.stopping:
        return StopAttempt(job, job.stopping)
    if job.started_at is not None and now - job.started_at >= timedelta(seconds=job.spec.timeout_s):
        return StopAttempt(job, f"{TIMED_OUT} after {job.spec.timeout_s:g} s")
    return None


def _orphans(seen: Sequence[JobObservation], workloads: Mapping[str, WorkloadStatus]) -> list[Action]:
    live = {one.job.workload for one in seen if one.job.state != "queued"}
    busy = {one.job.workload for one in seen if one.busy}
    return [
        StopWorkload(id) if status.state == "running" else ForgetJobWorkload(id)
        for id, status in workloads.items()
        if status.kind == "job" and id not in live and id not in busy
    ]
