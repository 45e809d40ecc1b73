"""Opening what a tenant's process wrote: no link is followed, nothing but plain files is read, no pipe can block us."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from bms.core.cut_logs import LONGEST_NOTE, Start, start_of

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened_directory(path: str, within: int | None = None) -> Iterator[int]:
    """A descriptor of the directory `path`, below the directory `within`. Raises OSError, for a link too."""
    descriptor = os.open(path, _DIRECTORY, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened_file(name: str, within: int) -> Iterator[int]:
    """A descriptor of the plain file `name` of the directory `within`.

    Raises OSError for what is none: links, pipes, devices, and files with several names, which may be somebody
    else's.
    """
    descriptor = os.open(name, _FILE, dir_fd=within)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise OSError(f"{name!r} is not a plain file with one name")
        yield descriptor
    finally:
        os.close(descriptor)


def size_of(directory: str, name: str) -> int:
    """Bytes of a plain file; 0 for anything else."""
    try:
        with opened_directory(directory) as within, opened_file(name, within) as descriptor:
            return os.fstat(descriptor).st_size
    except OSError:
        return 0


def size_of_log(directory: str, name: str) -> tuple[int, int]:
    """(bytes that were written to a log, bytes that were cut off its beginning); zeros where it is no plain file."""
    try:
        with opened_directory(directory) as within, opened_file(name, within) as descriptor:
            while True:
                start = _start(descriptor)
                size = os.fstat(descriptor).st_size
                if _start(descriptor) == start:  # else it was cut meanwhile
                    return start.gone + max(0, size - start.begin), start.gone
    except OSError:
        return 0, 0


def read_log(directory: str, name: str, offset: int, limit: int) -> bytes:
    """Up to `limit` bytes of what was written to a log from `offset` on; nothing of what was cut off."""
    try:
        with opened_directory(directory) as within, opened_file(name, within) as descriptor:
            while True:
                start = _start(descriptor)
                content = b"" if offset < start.gone else os.pread(descriptor, limit, start.begin + offset - start.gone)
                if _start(descriptor) == start:
                    return content
    except OSError:
        return b""


def _start(descriptor: int) -> Start:
    return start_of(os.pread(descriptor, LONGEST_NOTE, 0), os.fstat(descriptor).st_size)


def read_piece(directory: str, name: str, offset: int, limit: int) -> bytes:
    """Up to `limit` bytes of a plain file from `offset` on; nothing of anything else."""
    parts: list[bytes] = []
    try:
        with opened_directory(directory) as within, opened_file(name, within) as descriptor:
            while limit > 0 and (part := os.pread(descriptor, limit, offset)):
                parts.append(part)
                offset += len(part)
                limit -= len(part)
    except OSError:
        return b"".join(parts)
    return b"".join(parts)
