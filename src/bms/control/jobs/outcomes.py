"""Determines how an attempt ended, and what that makes of its job. Pure."""

import signal
from datetime import datetime, timedelta

import msgspec

from bms.control.jobs.nouns import Job, JobState
from bms.control.jobs.states import moved
from bms.core.formats.json_numbers import JsonNumber
from bms.core.workloads.limits import more_memory
from bms.core.workloads.programs import TASK, JobResult
from bms.core.workloads.workload import WorkloadStatus

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
TIMED_OUT = "timed out"  # how the reason of a stop begins that its `timeout_s` asked for
STOPPED = "cancelled"  # what the harness says of a process that got SIGTERM, e.g. because the platform went down


class AttemptOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one attempt. `output` is the digest of what it made, only of one that succeeded."""

    state: JobState
    error: str = ""
    metrics: dict[str, JsonNumber] = {}
    report: dict[str, object] = {}
    output: str | None = None
    checkpoint: str | None = None  # digest of what the next attempt may go on from
    output_size: int = 0  # bytes of it that are counted as the job's
    final: bool = False  # another attempt would say the same


def ending(job: Job, status: WorkloadStatus | None, result: JobResult | None, unreadable: str = "") -> AttemptOutcome:
    """The outcome of an attempt whose workload ended. `status` None: the cluster knows nothing of it (any more);
    `result` None: it left none, or, with `unreadable`, none that can be read."""

    def ended(state: JobState, error: str = "") -> AttemptOutcome:
        if result is None:
            return AttemptOutcome(state=state, error=error)
        return AttemptOutcome(state=state, error=error, metrics=result.metrics, report=result.report)

    task = job.spec.entry.startswith(TASK)
    if job.stopping:
        longer = "" if task or not job.stopping.startswith(TIMED_OUT) else ": `--timeout 12h` lets it run longer"
        return msgspec.structs.replace(ended("failed", job.stopping + longer), final=task)
    if result is not None and result.state == "succeeded":
        return ended("succeeded")
    if status is not None and status.verdict:
        more = "" if task else more_memory(status.verdict, job.spec.resources.memory)
        return msgspec.structs.replace(ended("failed", status.verdict + more), final=task)
    if result is not None and result.error == STOPPED and not job.cancel_requested:
        return ended("lost", "its process was stopped from outside before it was done")
    if result is not None:
        outcome = ended("failed", result.error or "it failed and did not say why")
        # A task of the platform's own that says what is wrong with its input has nothing else to say about it.
        return msgspec.structs.replace(outcome, final=bool(result.error) and task)
    if unreadable:
        return ended("failed", unreadable)
    if status is None or status.exit_code is None:
        return ended("lost", "its process vanished without a result")
    return ended("failed", f"its process ended {exit_text(status.exit_code)} and left no result")


def after_attempt(job: Job, end: AttemptOutcome, now: datetime) -> Job:
    """The job after an attempt's end: cancelled if that was asked for, queued again while attempts are left,
    else in the ending's own terminal state."""
    job = msgspec.structs.replace(job, metrics={**job.metrics, **end.metrics})
    if job.cancel_requested:
        return moved(job, "cancelled", now, error="cancelled on request")
    if is_repeated(job, end):
        pause = pause_s(job.attempt)
        again = moved(job, "queued", now, error=end.error, run_at=now + timedelta(seconds=pause))
        words = f"attempt {job.attempt} of {job.spec.max_attempts} {end.state}; the next in {pause:.0f} s"
        kept = end.checkpoint or job.checkpoint  # an attempt that got nowhere takes nothing back
        return msgspec.structs.replace(again, message=words, progress=0.0, metrics={}, checkpoint=kept)
    done = moved(job, end.state, now, error=end.error)
    progress = 1.0 if end.state == "succeeded" else job.progress
    return msgspec.structs.replace(done, report=end.report, output=end.output, progress=progress)


def is_repeated(job: Job, end: AttemptOutcome) -> bool:
    """Whether another attempt follows this end."""
    unlucky = end.state in ("failed", "lost") and not end.final
    return unlucky and job.attempt < job.spec.max_attempts and not job.cancel_requested


def pause_s(attempt: int) -> float:
    """Seconds between the end of `attempt` (counted from 1) and the next: doubled each time."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * float(1 << max(0, min(attempt, 32) - 1)))


def exit_text(code: int) -> str:
    """An exit code for people; negative codes are signals."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"by signal {-code}"
