"""The nouns of jobs: Job, and the spec of what it is to run."""

from datetime import datetime
from typing import Literal

import msgspec

from bms.core.formats.json_numbers import JsonNumber
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.resources import Resources

JobState = Literal["queued", "starting", "running", "succeeded", "failed", "cancelled", "lost"]
TERMINAL: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled", "lost"})


class TreeInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tree (by digest) that the job finds as directory `name`; `reference` describes it to people."""

    name: str
    tree: str
    reference: str = ""


class JobSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The specification of a job, complete and resolved: nothing in it changes meaning later.

    `entry` is "task:NAME" for one of the platform's tasks, else a script's path in the tree `code`.
    """

    kind: str  # "train", "verify", "convert", "evaluate", "import", or a maker's own word
    entry: str
    code: str | None = None
    inputs: tuple[TreeInput, ...] = ()
    parameters: dict[str, object] = {}
    environment: EnvironmentSpec = EnvironmentSpec()
    resources: Resources = Resources()
    timeout_s: float = 3600.0
    max_attempts: int = 1
    subject: str = ""  # what it is about, for whoever asked for it: e.g. a version's id
    model: bool = False  # a version is to be made of what it leaves in output/model: it has failed without
    then: dict[str, object] = {}  # what whoever asked for it wants to do with the result


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job. `token` fences: it grows with every attempt, and only who knows it may report for the job."""

    id: str
    tenant: str
    name: str
    spec: JobSpec
    state: JobState
    created_at: datetime
    created_by: str
    attempt: int = 0
    token: int = 0
    run_at: datetime | None = None  # not before; for retries
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_requested: bool = False
    progress: float = 0.0
    message: str = ""
    metrics: dict[str, JsonNumber] = {}
    error: str = ""
    report: dict[str, object] = {}
    output: str | None = None  # digest of the tree of what it made
    checkpoint: str | None = None  # digest of the tree that the next attempt goes on from; none once it has ended
    stopping: str = ""  # why its workload is being stopped, once that was decided: it can't succeed any more
    log: str | None = None  # digest of the kept log: of all attempts once ended, before that of the earlier ones
    log_start: int = 0  # bytes at the log's beginning that were too many to be kept
    events: str | None = None  # digest of the kept JobEvents, one JSON a line, of the same attempts as `log`
    revision: int = 1

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL

    @property
    def workload(self) -> str:
        """Id of the workload of the current attempt; the same after any restart, so that nothing starts twice."""
        return f"{self.id}-a{self.attempt}"


class JobCapacity(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of all jobs together: how many at once, cores, bytes of memory."""

    jobs: int
    cpu: float
    memory: int


class LogPart(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a log. Offsets count bytes from the log's very beginning; `next` is where to read on."""

    content: bytes
    next: int
    state: JobState
