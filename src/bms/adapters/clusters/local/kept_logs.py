"""Logs of workloads: read in place while they are there, afterwards from copies that are kept here."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Collection
from pathlib import Path

from bms.adapters.clusters.local.plain_files import piece_of
from bms.adapters.clusters.local.records import check_id
from bms.control.platform.workload_files import FilePiece, WorkloadFiles
from bms.core.clock import Clock
from bms.core.workloads.cut_logs import note_of

KEPT = 2 * 2**20  # bytes of a copy; of a longer log the last half of that
KEPT_S = 7 * 86_400.0
KEPT_OF_ALL = 2**30  # bytes; the oldest go first
_LONGEST_LINE = 64 << 10  # bytes in which a line is looked for with which to begin
_SUFFIX = ".log"
_log = logging.getLogger(__name__)


class KeptLogs:
    """Reads logs by the cluster's `files`, and copies those of ended workloads to `folder`, one file for each, named by
    its id."""

    def __init__(self, folder: Path, files: WorkloadFiles, clock: Clock) -> None:
        self._folder = folder
        self._files = files
        self._clock = clock

    @classmethod
    def open(cls, folder: Path, files: WorkloadFiles, clock: Clock) -> "KeptLogs":
        """Makes the folder, and removes partial copies. Blocking; call it at start-up."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for unfinished in folder.glob("*.new"):
            unfinished.unlink()
        return cls(folder, files, clock)

    async def read(self, workload: str, offset: int, limit: int) -> tuple[bytes, int] | None:
        """Up to `limit` bytes from place `offset` on, and where to read on; None where there is no log (any more).

        What was cut off is skipped; the note that says so comes first. Raises Unavailable.
        """
        piece = await self._files.read(workload, "console", offset, limit)
        if piece is None:
            name = self._copy(workload).name
            piece = await asyncio.to_thread(piece_of, str(self._folder), name, offset, limit, cut=True)
        return None if piece is None else (piece.note + piece.content, piece.next)

    async def keep(self, workload: str) -> None:
        """Copies the log of an ended workload, before its directory is removed. A full disk does not stand in the way
        of that: then the log is lost, and the platform's own log says so. Raises Unavailable."""
        extent = await self._files.extent(workload, "console")
        if extent is None or not extent.end:
            return
        begin = extent.begin if extent.end - extent.begin <= KEPT else extent.end - KEPT // 2
        piece = await self._files.read(workload, "console", begin, KEPT)
        if piece is not None:
            await asyncio.to_thread(self._keep, workload, piece if begin == extent.begin else _from_a_line(piece))

    async def drop(self, workloads: Collection[str]) -> None:
        await asyncio.to_thread(self._drop, [self._copy(workload) for workload in workloads])

    async def sweep(self) -> None:
        """Removes copies older than a week, and the oldest where all together exceed 1 GiB."""
        await asyncio.to_thread(self._sweep)

    def _keep(self, workload: str, piece: FilePiece) -> None:
        copy = self._copy(workload)
        unfinished = copy.with_suffix(".new")
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write((note_of(KEPT, piece.begin) if piece.begin else b"") + piece.content)
            unfinished.replace(copy)
        except OSError as error:
            _log.error("the log of workload %s can't be kept: %s", workload, error)
            unfinished.unlink(missing_ok=True)

    def _drop(self, copies: list[Path]) -> None:
        for copy in copies:
            copy.unlink(missing_ok=True)

    def _sweep(self) -> None:
        oldest = self._clock.now().timestamp() - KEPT_S
        copies = []
        for copy in self._folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):  # dropped meanwhile
                found = copy.stat()
                copies.append((found.st_mtime, found.st_size, copy))
        room = KEPT_OF_ALL
        for changed, size, copy in sorted(copies, reverse=True):
            room -= size
            if room < 0 or changed < oldest:
                copy.unlink(missing_ok=True)

    def _copy(self, workload: str) -> Path:
        return self._folder / f"{check_id(workload)}{_SUFFIX}"


def _from_a_line(piece: FilePiece) -> FilePiece:
    """Without the rest of a line that it begins in."""
    skipped = piece.content[:_LONGEST_LINE].find(b"\n") + 1
    return FilePiece(piece.content[skipped:], piece.begin + skipped)
