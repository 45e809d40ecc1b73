"""The port to what workloads write where they run, which may be another machine."""

from typing import Literal, Protocol

import msgspec

from bms.control.platform.trees import Tree

Folder = Literal["output", "checkpoint"]
"""Directories that a job leaves: what it made, and what its next attempt is to go on from."""
Record = Literal["console", "log", "events"]
"""`console` is what a process said on its standard output and error; of a job that is what it said before it could open
its own `log`. `events` are a job's, one JobEvent a line."""
MAX_PIECE = 4 << 20  # bytes that may be asked for at once
MAX_RESULT = 4 << 20


class Extent(msgspec.Struct, frozen=True):
    """The readable range of a record: `begin` to `end`. What was written before `begin` was cut off since the record
    grew too long; offsets count from what was written first, so that no cut moves them."""

    begin: int
    end: int


class FilePiece(msgspec.Struct, frozen=True):
    """A part of a record, from offset `begin` on, which is later than was asked for where that was cut off: `note` is
    then the line that says so, with its end."""

    content: bytes
    begin: int
    note: bytes = b""

    @property
    def next(self) -> int:
        """The offset to read on from."""
        return self.begin + len(self.content)


class WorkloadFiles(Protocol):
    """Reads what workloads write. Contract: what a workload wrote is there while it runs and afterwards, until it is
    forgotten.

    A workload writes what it likes in its directory: nothing is trusted, no link is followed, sizes are bounded. Every
    method raises Unavailable when the side that runs the workload can't be asked.
    """

    async def extent(self, workload: str, record: Record) -> Extent | None:
        """The record's readable range; None where there is no such record (yet, or any more), or something else in its
        place."""
        ...

    async def read(self, workload: str, record: Record, offset: int, limit: int) -> FilePiece | None:
        """Up to `limit` bytes, at most MAX_PIECE, from `offset` on; empty at the present end. None as above."""
        ...

    async def result(self, workload: str) -> bytes | None:
        """The program's result, whole; None when there is none. Raises DataLoss for one that can't be read or has over
        MAX_RESULT bytes."""
        ...

    async def store(self, tenant: str, workload: str, folder: Folder) -> Tree | None:
        """Makes the files below one of its directories a tree of the tenant; None without files. Idempotent.

        Raises InvalidArgument for links, devices and names no tree may have, ResourceExhausted without room.
        """
        ...


async def tail(files: WorkloadFiles, workload: str, record: Record, limit: int) -> tuple[int, bytes]:
    """The last `limit` bytes of a record, and how many come before them: (bytes before, content); (0, b"") of one that
    is not there."""
    extent = await files.extent(workload, record)
    if extent is None:
        return 0, b""
    piece = await files.read(workload, record, max(extent.begin, extent.end - limit), limit)
    return (0, b"") if piece is None else (piece.begin, piece.content)
