"""The ports of jobs: their repository, and the files that their processes leave behind."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from bms.control.jobs.nouns import Job, JobState
from bms.control.platform.allotments import AllotmentSink
from bms.control.platform.transactions import Fenced
from bms.control.platform.trees import Tree
from bms.control.platform.workload_files import Folder
from bms.core.events import EventSink
from bms.core.pages import Page, PageRequest
from bms.core.workloads.programs import JobResult

Record = Literal["log", "events"]


class References(msgspec.Struct, frozen=True, kw_only=True):
    """Digests a tenant's jobs still need: of trees, and of single blobs. Inputs count only until a job has ended;
    they belong to data sets and models, which may go."""

    trees: frozenset[str]
    blobs: frozenset[str]


class JobsTx(EventSink, AllotmentSink, Fenced, Protocol):
    """Repository of jobs inside one transaction.

    Fencing: `claim` and `adopt` raise the row's token in one statement, and only if the row is still as `job` says;
    whoever holds an older token can change nothing any more. Whoever calls them leads, which `fence` makes sure of.
    """

    async def job(self, tenant: str, id: str) -> Job | None: ...

    async def jobs(
        self,
        tenant: str,
        page: PageRequest,
        *,
        state: JobState | None = None,
        kind: str | None = None,
        subject: str | None = None,
    ) -> Page[Job]:
        """Jobs, newest first; filters match exactly."""
        ...

    async def unended(self, tenant: str) -> list[Job]:
        """All jobs that have not ended, by age."""
        ...

    async def ended(self, kinds: Collection[str], after: datetime, before: datetime) -> list[tuple[str, str]]:
        """(tenant, id) of all tenants' jobs of these kinds that ended between, oldest first."""
        ...

    async def add_job(self, job: Job) -> None:
        """Adds a job, and locks the data sets that it reads. Raises AlreadyExists for an id in use, FailedPrecondition
        where a version of a data set was deleted."""
        ...

    async def locked(self, tenant: str, id: str) -> Job | None:
        """The job, locked: no other transaction changes it until this one ends."""
        ...

    async def held(self, id: str, token: int) -> Job | None:
        """The job, locked, if it has not ended and `token` is still its token."""
        ...

    async def save_job(self, job: Job) -> Job:
        """Saves the job. Raises Aborted unless revision and token are still the stored ones."""
        ...

    async def live(self, now: datetime, queued_per_tenant: int) -> list[Job]:
        """Jobs of all tenants that are starting or running, and of each tenant the oldest queued ones that are due."""
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """The time at which the first queued job that is not due yet may start."""
        ...

    async def claim(self, job: Job) -> Job | None:
        """Claims the queued job for its next attempt, "starting"; None where another process was first."""
        ...

    async def adopt(self, job: Job) -> Job | None:
        """Takes over the attempt with a new token; None where it has ended, or another process was first."""
        ...

    async def references(self, tenant: str) -> References: ...


class AttemptFiles(Protocol):
    """The port to what an attempt writes, by its workload's id, after the lines noted for it: `WorkloadFiles` as jobs
    use them. Methods raise Unavailable when the side that runs it can't be asked."""

    def note(self, workload: str, line: str) -> None:
        """Adds a line of ours to the log, before what the workload itself writes there. From any thread."""
        ...

    async def size(self, workload: str, record: Record) -> int:
        """Bytes written so far, those of a log that were cut off included; 0 when there is nothing."""
        ...

    async def cut(self, workload: str) -> range:
        """The places where the log was cut off since it grew too long: nothing is read there."""
        ...

    async def read(self, workload: str, record: Record, offset: int, limit: int) -> bytes: ...

    async def console_tail(self, workload: str) -> bytes:
        """The process's output outside of its log, if it ended before it could open that: at most 16 KiB."""
        ...

    async def result(self, workload: str) -> JobResult | None:
        """The attempt's result; None when there is none. Raises DataLoss for one that can't be read."""
        ...

    async def store(self, tenant: str, workload: str, folder: Folder) -> Tree | None:
        """Makes the files below one of its directories a tree of the tenant; None without files.

        Raises InvalidArgument for links, devices and names no tree may have, ResourceExhausted without room.
        """
        ...

    async def remove(self, workload: str) -> None:
        """Removes the lines noted for it."""
        ...

    async def noted(self) -> frozenset[str]:
        """Ids of the workloads that lines are kept for."""
        ...
