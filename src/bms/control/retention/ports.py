"""What retention needs: rows by their age, and somebody who measures the disk."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from bms.control.retention.nouns import DiskUse, FileSystem
from bms.control.retention.plan import AgedEvent
from bms.core.events import EventSink


class RetentionTx(EventSink, Protocol):
    """Rows of all features that may go, inside one transaction. A job may go once it has ended, and nothing that
    follows from its end waits or is a dead letter; an event once the same is true of it, unless it
    tells the name of a user or key, which the audit shows for as long as any event names their ids."""

    async def tenants(self) -> list[str]:
        """Ids of all, in order, of deleted ones, too."""
        ...

    async def done(self, reader: str) -> int:
        """Up to which number events may go: `reader` has handled them, and a newer event is there, so that no number is
        given twice."""
        ...

    async def unhandled_since(self, reader: str) -> datetime | None:
        """When the first event was told that `reader` has not handled; None where it has handled all."""
        ...

    async def expired_jobs(self, tenant: str, before: datetime, limit: int) -> list[str]:
        """Ids of jobs that may go and ended before, by age of the jobs."""
        ...

    async def remove_jobs(self, tenant: str, ids: Collection[str], at: datetime) -> int:
        """How many were there. What their outputs held, they held until `at`; their blobs are named by nothing then."""
        ...

    async def oldest_events(self, tenant: str, upto: int, after: int, limit: int) -> list[AgedEvent]:
        """Events that may go, by number."""
        ...

    async def remove_events(self, tenant: str, numbers: Collection[int]) -> int:
        """How many were there."""
        ...

    async def count_jobs(self, before: datetime) -> dict[str, int]:
        """By tenant."""
        ...

    async def count_events(self, before: datetime, upto: int) -> dict[str, int]:
        """By tenant."""
        ...


class DiskMeter(Protocol):
    """Measures a home, off the event loop, in memory that does not grow with the number of its files, but for those
    that have several names."""

    async def uses(self) -> list[DiskUse]:
        """By kind, and by tenant where files are kept by tenant; kinds without a file are left out."""
        ...

    async def file_system(self) -> FileSystem: ...


class DatabaseMeter(Protocol):
    async def size(self) -> int | None:
        """Bytes that the database takes elsewhere; None where it lies in the home, whose files tell."""
        ...
