"""What retention needs: somebody who measures the disk."""

from typing import Protocol

from bms.control.retention.nouns import DiskUse, FileSystem


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
