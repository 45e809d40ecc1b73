"""A workload's log: kept small by cutting its beginning off, and read by places that no cut moves.

A log that was cut says so in its first line, with the bytes that are gone; places count from where it once began. What
wrote it is not trusted: the file may have been replaced, so anything but a plain file with one name is left alone.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bms.core.cut_logs import LONGEST_NOTE, Start, note_of, start_of

LIMIT = 16 * 2**20  # bytes; of a longer one the last half stays
NAMES = ("workload.log", "job.log")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CUT = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def trim(path: Path, limit: int = LIMIT) -> bool:
    """Cuts a log that grew over `limit` bytes down to a note and its last half; says whether it did.

    Writers append (O_APPEND), so they go on after the cut.
    """
    try:
        if os.lstat(path).st_size <= limit:
            return False
        with _plain(path, _CUT) as descriptor:
            return _cut(descriptor, limit)
    except OSError:  # absent, a link, or not ours to open: nothing that could be cut
        return False


def read(path: Path, offset: int, limit: int) -> tuple[bytes, int]:
    """Up to `limit` bytes from place `offset` on, and the place to read on from. What was cut off is skipped; the note
    that says so comes first. Raises FileNotFoundError; nothing is read of what is no plain file."""
    try:
        with _plain(path, _READ) as descriptor:
            while True:
                start = _start(descriptor)
                found = _read(descriptor, start, offset, limit)
                if _start(descriptor) == start:  # else it was cut meanwhile
                    return found
    except FileNotFoundError:
        raise
    except OSError:
        return b"", offset


def _cut(descriptor: int, limit: int) -> bool:
    size, start = os.fstat(descriptor).st_size, _start(descriptor)
    if size <= limit:
        return False
    tail = os.pread(descriptor, limit // 2, size - limit // 2)
    tail = tail[tail.find(b"\n") + 1 :]
    gone = start.gone + size - start.note - len(tail)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, note_of(limit, gone) + tail)
    return True


def _start(descriptor: int) -> Start:
    return start_of(os.pread(descriptor, LONGEST_NOTE, 0))


def _read(descriptor: int, start: Start, offset: int, limit: int) -> tuple[bytes, int]:
    if offset < start.gone:
        content = os.pread(descriptor, start.note + limit, 0)
        return content, start.gone + max(0, len(content) - start.note)
    content = os.pread(descriptor, limit, start.note + offset - start.gone)
    return content, offset + len(content)


@contextmanager
def _plain(path: Path, flags: int) -> Iterator[int]:
    """A descriptor of a plain file with one name. Raises OSError for anything else."""
    descriptor = os.open(path, flags)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise OSError(f"{path} is not a plain file with one name")
        yield descriptor
    finally:
        os.close(descriptor)
