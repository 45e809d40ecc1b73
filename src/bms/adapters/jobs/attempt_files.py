"""The files of a job's attempt: control's notes, kept here, and the attempt's own files, wherever it runs."""

import asyncio
import contextlib
import os
from pathlib import Path

import msgspec

from bms.control.jobs.ports import Record
from bms.control.platform.trees import Tree
from bms.control.platform.workload_files import Folder, WorkloadFiles, tail
from bms.core.errors import DataLoss
from bms.core.workloads.programs import JobResult

LAST_WORDS = 16 << 10
MAX_NOTES = 4 << 20  # bytes noted for one attempt; an installer that says more is cut short
_SUFFIX = ".notes"
_LONGEST_NOTE = 8192  # bytes
_NO_MORE = b"[the log before the job's start was too long: the rest is left out here]\n"


def _shortened(line: bytes) -> bytes:
    if len(line) <= _LONGEST_NOTE:
        return line
    return line[:_LONGEST_NOTE] + f" [{len(line) - _LONGEST_NOTE} bytes more are left out here]".encode()


class NotedAttemptFiles:
    """`AttemptFiles` over the `files` of the cluster's workloads; notes lie in `notes`."""

    def __init__(self, notes: Path, files: WorkloadFiles) -> None:
        self._notes = notes
        self._files = files

    @classmethod
    def open(cls, notes: Path, files: WorkloadFiles) -> "NotedAttemptFiles":
        """Creates the directory of notes. Blocking; call it at start-up."""
        notes.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(notes, files)

    def note(self, workload: str, line: str) -> None:
        # A short append to a local file costs less than handing it to a thread, and keeps the order of lines.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._notes_of(workload), flags, 0o600)
        try:
            room = MAX_NOTES - os.fstat(descriptor).st_size
            if room > 0:
                words = _shortened(line.rstrip("\n").encode(errors="replace")) + b"\n"
                os.write(descriptor, words if len(words) < room else words + _NO_MORE)
        finally:
            os.close(descriptor)

    async def size(self, workload: str, record: Record) -> int:
        noted = self._noted(workload, record)
        extent = await self._files.extent(workload, record)
        return noted if extent is None else noted + extent.end

    async def cut(self, workload: str) -> range:
        noted = self._noted(workload, "log")
        extent = await self._files.extent(workload, "log")
        return range(noted, noted if extent is None else noted + extent.begin)

    async def read(self, workload: str, record: Record, offset: int, limit: int) -> bytes:
        noted = self._noted(workload, record)
        if offset < noted and (notes := await asyncio.to_thread(self._read_notes, workload, offset, limit)):
            return notes
        piece = await self._files.read(workload, record, offset - noted, limit)
        # What was cut off is not stepped over: places are the caller's to count.
        return b"" if piece is None or piece.begin != offset - noted else piece.content

    async def console_tail(self, workload: str) -> bytes:
        begin, words = await tail(self._files, workload, "console", LAST_WORDS)
        note = f"[the first {begin} bytes are left out here]\n".encode() if begin else b""
        return note + words

    async def result(self, workload: str) -> JobResult | None:
        content = await self._files.result(workload)
        try:
            return None if content is None else msgspec.json.decode(content, type=JobResult)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DataLoss(f"its result can't be read: {error}") from error

    async def store(self, tenant: str, workload: str, folder: Folder) -> Tree | None:
        return await self._files.store(tenant, workload, folder)

    async def remove(self, workload: str) -> None:
        await asyncio.to_thread(self._notes_of(workload).unlink, missing_ok=True)

    async def noted(self) -> frozenset[str]:
        names = await asyncio.to_thread(os.listdir, self._notes)
        return frozenset(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))

    def _notes_of(self, workload: str) -> Path:
        return self._notes / f"{workload}{_SUFFIX}"

    def _noted(self, workload: str, record: Record) -> int:
        """Bytes of notes before the record proper; only a log has any. Asked for like `note`, without a thread."""
        if record != "log":
            return 0
        try:
            return self._notes_of(workload).stat().st_size
        except FileNotFoundError:
            return 0

    def _read_notes(self, workload: str, offset: int, limit: int) -> bytes:
        with contextlib.suppress(FileNotFoundError), self._notes_of(workload).open("rb") as file:
            file.seek(offset)
            return file.read(limit)
        return b""
