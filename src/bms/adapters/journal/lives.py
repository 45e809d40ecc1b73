"""Lists and reads the segments in a journal directory: of this process and of former ones."""

import fcntl
import os
import re
from pathlib import Path
from typing import NamedTuple

from bms.adapters.journal.records import HEADER, MAX_RECORD, Scan, run_of, scan
from bms.adapters.journal.writer import lock_path

_SEGMENT = re.compile(r"(.+)\.(\d{8})\.seg")


class Segment(NamedTuple):
    """One journal file of one source."""

    source: str
    number: int
    path: Path


def segments(directory: Path) -> list[Segment]:
    """Lists all segments, oldest source first, in the order they were written (sources sort by time of birth)."""
    found = []
    for path in directory.iterdir():
        match = _SEGMENT.fullmatch(path.name)
        if match:
            found.append(Segment(match[1], int(match[2]), path))
    return sorted(found)


def is_over(directory: Path, source: str) -> bool:
    """Whether the process that wrote `source` is gone, so that its segments will not grow."""
    try:
        fd = os.open(lock_path(directory, source), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def read_runs(path: Path, offset: int, size: int) -> Scan:
    """Reads the runs in `size` bytes from byte `offset`, or the one that is longer than these.

    `end` counts from the file's start. A missing file has none.
    """
    size = max(size, HEADER.size)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
            found = scan(data)
            if not found.records and found.torn and len(data) == size:
                (length, _) = HEADER.unpack_from(data)
                data += file.read(max(0, min(length, MAX_RECORD) + HEADER.size - size))
                found = scan(data)
                size = len(data) + 1  # what is torn now, is torn
    except FileNotFoundError:
        return Scan([], offset, False)
    return Scan([run_of(record) for record in found.records], offset + found.end, found.torn and len(data) < size)


def forget(directory: Path, source: str) -> None:
    """Removes a source's lock once its last segment is gone."""
    lock_path(directory, source).unlink(missing_ok=True)
