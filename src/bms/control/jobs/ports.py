"""What the jobs feature needs: rows, and the files its processes leave behind."""

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
        """Newest first; filters match exactly."""
        ...

    async def unended(self, tenant: str) -> list[Job]:
        """All that have not ended, by age."""
        ...

    async def ended(self, kinds: Collection[str], after: datetime, before: datetime) -> list[tuple[str, str]]:
        """(tenant, id) of all tenants' jobs of these kinds that ended between, oldest first."""
        ...

    async def add_job(self, job: Job) -> None:
        """Holds the data sets that it reads. Raises AlreadyExists for an id in use, FailedPrecondition where a version
        of a data set was deleted."""
        ...

    async def locked(self, tenant: str, id: str) -> Job | None:
        """The job, which nobody else changes until this transaction ends."""
        ...

    async def held(self, id: str, token: int) -> Job | None:
        """The job, locked, if it has not ended and `token` is still its token."""
        ...

    async def save_job(self, job: Job) -> Job:
        """Raises Aborted unless revision and token are still the stored ones."""
        ...

    async def live(self, now: datetime, queued_per_tenant: int) -> list[Job]:
        """Of all tenants: every job starting or running, and of each tenant the oldest queued ones that are due."""
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """When the first queued job that waits for its time may start, of those that are not due yet."""
        ...

    async def claim(self, job: Job) -> Job | None:
        """The queued job in its next attempt, "starting"; None where somebody else was first."""
        ...

    async def adopt(self, job: Job) -> Job | None:
        """The same attempt with a token of ours; None where it has ended, or somebody else was first."""
        ...

    async def references(self, tenant: str) -> References: ...


class AttemptFiles(Protocol):
    """What an attempt writes, by its workload's id, behind what was noted of it: `WorkloadFiles` as jobs see them.
    Methods raise Unavailable when what it wrote can't be asked for."""

    def note(self, workload: str, line: str) -> None:
        """Adds a line of ours to the log, before what the workload itself writes there. From any thread."""
        ...

    async def size(self, workload: str, record: Record) -> int:
        """Bytes so far, those of a log that were cut off included; 0 when there is nothing."""
        ...

    async def cut(self, workload: str) -> range:
        """The places of the log that were cut off since it grew too long: nothing is read there."""
        ...

    async def read(self, workload: str, record: Record, offset: int, limit: int) -> bytes: ...

    async def last_words(self, workload: str) -> bytes:
        """What the process said outside of its log, if it ended before it could open that: at most 16 KiB."""
        ...

    async def result(self, workload: str) -> JobResult | None:
        """None when there is none. Raises DataLoss for one that can't be read."""
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
        """Workloads that lines are kept for."""
        ...
