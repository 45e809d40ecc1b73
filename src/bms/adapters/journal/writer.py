"""Writes one process's usage journal: numbers events without gaps and appends them to segments.

A write is one `write(2)` and no fsync: what was journalled survives the end of the process however it comes, and a
crash of the machine as far as the kernel had written it.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bms.adapters.journal.records import pack
from bms.core.errors import Unavailable
from bms.core.usage import VERSION
from bms.serving.traffic.metering import Usage

log = logging.getLogger(__name__)
_encode = msgspec.msgpack.Encoder().encode
_LONGEST_RUN = 500  # events, a few hundred bytes each: far from a record's limit


def segment_path(directory: Path, source: str, number: int) -> Path:
    return directory / f"{source}.{number:08d}.seg"


def lock_path(directory: Path, source: str) -> Path:
    return directory / f"{source}.lock"


class Journal:
    """The journal of this process, which appends to `directory` and makes it. `source` names this process life; a lock
    shows other processes that it lives.

    `on_written` is called after every write that succeeded.
    """

    def __init__(
        self, directory: Path, source: str, segment_bytes: int = 8 << 20, on_written: Callable[[], None] | None = None
    ) -> None:
        self.directory = directory
        self.source = source
        self.segment = 0  # number of the segment being written
        self.size = 0  # its bytes
        self.seq = 0  # of the last event written
        self.on_written = on_written
        self._segment_bytes = segment_bytes
        self._fd: int | None = None
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(lock_path(directory, source), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, usages: Sequence[Usage]) -> None:
        """Appends all events with one system call, or none: raises Unavailable when the disk does not take them."""
        seq = self.seq
        if len(usages) <= _LONGEST_RUN:
            data = pack(_encode((seq + 1, usages, VERSION)))  # a UsageRun
        else:
            data = b"".join(
                pack(_encode((seq + 1 + at, usages[at : at + _LONGEST_RUN], VERSION)))
                for at in range(0, len(usages), _LONGEST_RUN)
            )
        try:
            fd = self._open() if self._fd is None else self._fd
            written = os.write(fd, data)
        except OSError as error:
            self._undo()
            raise _refusal(error.strerror or str(error)) from error
        if written != len(data):
            self._undo()
            raise _refusal("no space left for a whole record")
        self.seq = seq + len(usages)
        self.size += written
        if self.size >= self._segment_bytes:
            self._next_segment()
        if self.on_written is not None:
            self.on_written()

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        os.close(self._lock)

    def _open(self) -> int:
        path = segment_path(self.directory, self.source, self.segment)
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._fd

    def _next_segment(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None
        self.segment += 1
        self.size = 0

    def _undo(self) -> None:
        """Takes back a part of a write; where even that fails, the torn tail is left and a new segment begun."""
        if self._fd is None:
            return
        try:
            os.ftruncate(self._fd, self.size)
        except OSError:
            log.exception("usage journal: segment %d could not be cut back to %d bytes", self.segment, self.size)
            self._next_segment()


def _refusal(reason: str) -> Unavailable:
    return Unavailable(
        f"usage cannot be recorded ({reason}), so nothing is answered and nothing billed: free space for the journal",
        retry_after_s=5.0,
    )
