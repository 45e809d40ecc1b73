"""What of a platform takes room, and how long it is kept."""

from datetime import datetime
from typing import Literal

import msgspec

from bms.core.retention import RetentionPolicy

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
