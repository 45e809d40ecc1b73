"""The states of a job, and the only moves between them. Pure."""

from datetime import datetime

import msgspec

from bms.control.jobs.nouns import TERMINAL, Job, JobState
from bms.core.errors import FailedPrecondition

FOLLOWS: dict[JobState, frozenset[JobState]] = {
    "queued": frozenset({"starting", "cancelled", "failed"}),
    "starting": frozenset({"running", "queued", "failed", "cancelled", "lost"}),
    "running": frozenset({"succeeded", "failed", "cancelled", "lost", "queued"}),
    **{state: frozenset() for state in TERMINAL},
}


def moved(job: Job, state: JobState, now: datetime, *, error: str = "", run_at: datetime | None = None) -> Job:
    """The job in its next state. Raises FailedPrecondition where `state` can't follow its present one.

    Back to "queued" means another attempt, not before `run_at`.
    """
    if state not in FOLLOWS[job.state]:
        raise FailedPrecondition(f"job {job.id} is {job.state}: it can't become {state}")
    return msgspec.structs.replace(
        job,
        state=state,
        error=error,
        run_at=run_at,
        stopping="" if state == "queued" else job.stopping,
        started_at=now if state == "running" else None if state == "queued" else job.started_at,
        ended_at=now if state in TERMINAL else None,
        checkpoint=None if state in TERMINAL else job.checkpoint,
    )
