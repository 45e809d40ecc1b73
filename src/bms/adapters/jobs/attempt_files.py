"""What an attempt leaves on the local disk: our notes before it starts, then its own files in its directory."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from bms.adapters.jobs.guarded import opened_directory, opened_file, read_log, read_piece, size_of, size_of_log
from bms.adapters.jobs.output_tree import store_directory
from bms.control.jobs.ports import Record
from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import Tree
from bms.core.errors import DataLoss
from bms.core.programs import JobResult

MAX_RESULT = 4 << 20
LAST_WORDS = 16 << 10
MAX_NOTES = 4 << 20  # bytes noted for one attempt; an installer that says more is cut short
_FILES: dict[Record, str] = {"log": "job.log", "events": "events.jsonl"}
_SUFFIX = ".notes"
_LONGEST_NOTE = 8192  # bytes
_NO_MORE = b"[more was said before the job began than is kept: the rest is left out here]\n"


def _shortened(line: bytes) -> bytes:
    if len(line) <= _LONGEST_NOTE:
        return line
    return line[:_LONGEST_NOTE] + f" [{len(line) - _LONGEST_NOTE} bytes more are left out here]".encode()


class LocalAttemptFiles:
    """`AttemptFiles` where workloads run on this machine. `directory_of` is the cluster's; notes lie in `notes`."""

    def __init__(self, notes: Path, directory_of: Callable[[str], str], objects: ObjectStore) -> None:
        self._notes = notes
        self._directory_of = directory_of
        self._objects = objects

    @classmethod
    def open(cls, notes: Path, directory_of: Callable[[str], str], objects: ObjectStore) -> "LocalAttemptFiles":
        """Creates the directory of notes. Blocking; call it at start-up."""
        notes.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(notes, directory_of, objects)

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
        return await asyncio.to_thread(self._size, workload, record)

    async def read(self, workload: str, record: Record, offset: int, limit: int) -> bytes:
        return await asyncio.to_thread(self._read, workload, record, offset, limit)

    async def cut(self, workload: str) -> range:
        return await asyncio.to_thread(self._cut, workload)

    async def last_words(self, workload: str) -> bytes:
        return await asyncio.to_thread(self._last_words, workload)

    async def result(self, workload: str) -> JobResult | None:
        return await asyncio.to_thread(self._result, workload)

    async def store_output(self, tenant: str, workload: str) -> Tree | None:
        return await store_directory(self._objects, tenant, self._directory_of(workload), "output")

    async def remove(self, workload: str) -> None:
        await asyncio.to_thread(self._notes_of(workload).unlink, missing_ok=True)

    async def noted(self) -> frozenset[str]:
        names = await asyncio.to_thread(os.listdir, self._notes)
        return frozenset(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))

    def _notes_of(self, workload: str) -> Path:
        return self._notes / f"{workload}{_SUFFIX}"

    def _noted(self, workload: str, record: Record) -> int:
        """Bytes of notes before the record proper; only a log has any."""
        if record != "log":
            return 0
        try:
            return self._notes_of(workload).stat().st_size
        except FileNotFoundError:
            return 0

    def _size(self, workload: str, record: Record) -> int:
        directory = self._directory_of(workload)
        if record == "log":
            return self._noted(workload, record) + size_of_log(directory, _FILES[record])[0]
        return size_of(directory, _FILES[record])

    def _cut(self, workload: str) -> range:
        noted = self._noted(workload, "log")
        return range(noted, noted + size_of_log(self._directory_of(workload), _FILES["log"])[1])

    def _read(self, workload: str, record: Record, offset: int, limit: int) -> bytes:
        noted = self._noted(workload, record)
        if offset < noted:
            with contextlib.suppress(FileNotFoundError), self._notes_of(workload).open("rb") as file:
                file.seek(offset)
                return file.read(min(limit, noted - offset))
        if record == "log":
            return read_log(self._directory_of(workload), _FILES[record], offset - noted, limit)
        return read_piece(self._directory_of(workload), _FILES[record], offset, limit)

    def _last_words(self, workload: str) -> bytes:
        directory = self._directory_of(workload)
        begin = max(0, size_of(directory, "workload.log") - LAST_WORDS)
        note = f"[the first {begin} bytes are left out here]\n".encode() if begin else b""
        return note + read_piece(directory, "workload.log", begin, LAST_WORDS)

    def _result(self, workload: str) -> JobResult | None:
        try:
            with (
                opened_directory(self._directory_of(workload)) as within,
                opened_file("result.json", within) as descriptor,
                open(descriptor, "rb", closefd=False) as file,
            ):
                content = file.read(MAX_RESULT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataLoss(f"its result can't be read: {error}") from error
        if len(content) > MAX_RESULT:
            raise DataLoss(f"its result has over {MAX_RESULT} bytes: put large things into files of its output")
        try:
            return msgspec.json.decode(content, type=JobResult)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DataLoss(f"its result can't be read: {error}") from error
