"""Opens files that a tenant's process wrote safely: follows no link, reads plain files only, and never blocks on a
pipe."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from bms.adapters.clusters.log_files import beginning, plain_file
from bms.control.platform.workload_files import Extent, FilePiece
from bms.core.workloads.cut_logs import UNCUT, LogStart

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened_directory(path: str, within: int | None = None) -> Iterator[int]:
    """Opens the directory `path`, below the directory `within`; returns its descriptor. Raises OSError, for a link
    too."""
    descriptor = os.open(path, _DIRECTORY, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def opened_file(name: str, within: int) -> AbstractContextManager[int]:
    """Opens the plain file `name` of the directory `within`; returns its descriptor. Raises OSError for what is
    none."""
    return plain_file(name, os.O_RDONLY, within)


def extent_of(directory: str, name: str, *, cut: bool) -> Extent | None:
    """The range of offsets that can be read of a plain file; None for anything else. `cut`: it may be a log that was
    cut."""
    try:
        with opened_directory(directory) as within, opened_file(name, within) as descriptor:
            while True:
                start = _start(descriptor, cut)
                size = os.fstat(descriptor).st_size
                if _start(descriptor, cut) == start:  # else it was cut meanwhile
                    return Extent(start.gone, start.gone + max(0, size - start.begin))
    except OSError:
        return None


def piece_of(directory: str, name: str, offset: int, limit: int, *, cut: bool) -> FilePiece | None:
    """Reads up to `limit` bytes of a plain file from `offset` on, or from where it begins if that is later; None for
    anything else."""
    try:
        with opened_directory(directory) as within, opened_file(name, within) as descriptor:
            while True:
                start = _start(descriptor, cut)
                at = max(offset, start.gone)
                content = _read(descriptor, start.begin + at - start.gone, limit)
                if _start(descriptor, cut) == start:
                    return FilePiece(content, at, start.note if offset < start.gone else b"")
    except OSError:
        return None


def _start(descriptor: int, cut: bool) -> LogStart:
    return beginning(descriptor) if cut else UNCUT


def _read(descriptor: int, offset: int, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit > 0 and (part := os.pread(descriptor, limit, offset)):
        parts.append(part)
        offset += len(part)
        limit -= len(part)
    return b"".join(parts)
