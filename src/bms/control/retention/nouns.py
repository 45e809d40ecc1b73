"""What of a platform takes room, and how long it is kept."""

from datetime import datetime
from typing import Literal

import msgspec

from bms.core.errors import InvalidArgument

DiskKind = Literal[
    "objects",
    "database",
    "journal",
    "environments",
    "slim",
    "trees",
    "cache",
    "workloads",
    "logs",
    "replica logs",
    "other",
]


class DiskUse(msgspec.Struct, frozen=True, kw_only=True):
    """Files of one kind, of one tenant where they are kept by tenant, in bytes on the disk. A file with several names
    counts once, where it is found first: with objects before trees. About `freeable` bytes go by `command`."""

    kind: DiskKind
    tenant: str = ""
    files: int = 0
    bytes: int = 0
    freeable: int = 0
    command: str = ""


class DiskView(msgspec.Struct, frozen=True, kw_only=True):
    """What the home takes, and how many bytes its file system has in all, and has free."""

    uses: tuple[DiskUse, ...]
    bytes: int
    size: int
    free: int


class FileSystem(msgspec.Struct, frozen=True, kw_only=True):
    """How many bytes a file system has in all, and how many of them are free for its users."""

    size: int
    free: int


RecordKind = Literal["jobs", "events"]
DAY_S = 86_400.0
JOBS_S, EVENTS_S = 90 * DAY_S, 400 * DAY_S
SHORTEST_S = 3 * DAY_S  # what a lost event left is looked for among the rows of two days


class RetentionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long rows are kept that nothing needs any more, in seconds; None: for ever. Jobs from their end on, with
    their logs and outputs; events, which are the audit, once everything that follows from them was done."""

    jobs_s: float | None = JOBS_S
    events_s: float | None = EVENTS_S

    def __post_init__(self) -> None:
        for option, seconds in (("--keep-jobs", self.jobs_s), ("--keep-events", self.events_s)):
            if seconds is not None and not seconds >= SHORTEST_S:
                raise InvalidArgument(
                    f"{option} is {seconds / DAY_S:g} days, expected at least 3: write for example 90d, or forever"
                )


class ExpiredRecords(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of one kind and tenant are older than they are to be kept, which is from `before`."""

    kind: RecordKind
    tenant: str
    count: int
    before: datetime


class Retained(msgspec.Struct, frozen=True, kw_only=True):
    """The periods, and what was removed because of them, or would be. `more`: not all of it, for which
    there was no time."""

    policy: RetentionPolicy
    expired: tuple[ExpiredRecords, ...]
    more: bool = False
