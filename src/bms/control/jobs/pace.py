"""Decides when the scheduler must look again without an event, because time alone changes something. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bms.control.jobs.plan import JobObservation

NET_S = 30.0  # everything else that a step waits for tells of itself; and yet
_OWN = ("job.started",)


def next_step(seen: Sequence[JobObservation], later: datetime | None, now: datetime) -> datetime:
    """The first moment at which a job is over its time limit, or one that waits may start; `later` is that of those
    that are not among `seen`."""
    times = [now + timedelta(seconds=NET_S)]
    if later is not None:
        times.append(later)
    for one in seen:
        job = one.job
        if one.mine and job.state == "running" and job.started_at is not None and not one.busy:
            times.append(job.started_at + timedelta(seconds=job.spec.timeout_s))
    return min(times)


def wakes(event: str) -> bool:
    """Whether an event of this name may give the scheduler something to do. It knows itself of jobs that it started."""
    return event.startswith("job.") and event not in _OWN
