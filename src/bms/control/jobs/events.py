"""Events of jobs."""

from bms.core.events import Payload


class OfJob(Payload, frozen=True, kw_only=True):
    """An event whose subject is a job's id. `subject` is what the job is about, such as a version's id."""

    kind: str
    subject: str

    def ordered_by(self, subject: str) -> str:
        """The subject, by which reactions are ordered: a version's verification, conversion and measuring change the
        same version."""
        return self.subject or subject


class JobSubmitted(OfJob, frozen=True, kw_only=True):
    """A job was put in the queue."""

    EVENT = "job.submitted"
    name: str


class JobStarted(OfJob, frozen=True, kw_only=True):
    """A job's process runs."""

    EVENT = "job.started"
    attempt: int


class JobCancelRequested(OfJob, frozen=True, kw_only=True):
    """Somebody wants a job to end."""

    EVENT = "job.cancel_requested"


class JobEnded(OfJob, frozen=True, kw_only=True):
    """A job has come to its one terminal state."""

    EVENT = "job.ended"
    state: str
