"""Keeps a workload's log small by cutting its beginning off; offsets of what is left don't change.

A log that was cut says so in its first line, with the bytes that are gone; places count from where it once began. What
wrote it is not trusted: the file may have been replaced, so anything but a plain file with one name is left alone.
"""

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bms.adapters.clusters.isolation.kernel import COLLAPSE_RANGE, KEEP_SIZE, PUNCH_HOLE, allocate
from bms.core.workloads.cut_logs import LONGEST_NOTE, UNCUT, LogStart, note_of, start_of

LIMIT = 16 * 2**20  # bytes; of a longer one the last half stays
WORKLOAD_LOG, JOB_LOG = NAMES = ("workload.log", "job.log")
_LONGEST_LINE = 64 << 10  # bytes in which a line is looked for with which to go on
_MARGIN = 1 << 20  # bytes, more than a file system gives at once
_ONE_AT_A_TIME = threading.Lock()  # whoever looks at a workload may cut, and whoever ends it: a log cut twice is gone


def trim(path: str | Path, limit: int = LIMIT) -> bool:
    """Cuts a log that grew over `limit` bytes down to a note and its last half; returns whether it did.

    Writers append (O_APPEND), and go on while it is cut: nothing of theirs is lost, moved or repeated. Where the file
    system can take a file's first blocks away (ext4, XFS) they go; elsewhere their place becomes a hole, which needs no
    disk. Where it can do neither (NFS 3), what is written in the moment of the cut may be lost.
    """
    try:
        if os.lstat(path).st_size <= limit:
            return False
        with _ONE_AT_A_TIME, plain_file(path, os.O_RDWR) as descriptor:
            return _cut(descriptor, limit)
    except OSError:  # absent, a link, or not ours to open: nothing that could be cut
        return False


def beginning(descriptor: int) -> LogStart:
    """Reads the beginning of an open log: whether, and by how much, it was cut."""
    return start_of(os.pread(descriptor, LONGEST_NOTE, 0), os.fstat(descriptor).st_size)


def _cut(descriptor: int, limit: int) -> bool:
    size, start = os.fstat(descriptor).st_size, beginning(descriptor)
    if not _is_gone(descriptor, start.begin):
        start = UNCUT
    if size - start.begin <= limit:
        return False
    at = size - limit // 2
    at += os.pread(descriptor, min(limit // 2, _LONGEST_LINE), at).find(b"\n") + 1
    gone = start.gone + at - start.begin
    note = note_of(limit, gone, at)
    if len(note) <= at:
        os.pwrite(descriptor, note, 0)  # from now on nobody reads what lies before `at`
        for way in (_take_blocks, _punch_hole):
            with contextlib.suppress(OSError):  # the file system has no such thing
                way(descriptor, at, limit, gone)
                return True
    tail = os.pread(descriptor, limit, at)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, note_of(limit, gone) + tail, 0)
    return True


def _is_gone(descriptor: int, begin: int) -> bool:
    """Whether what lies before `begin` takes no disk. If it does, the workload wrote the note itself, and would never
    be over its limit."""
    if begin <= _MARGIN:
        return True
    try:
        return os.lseek(descriptor, _MARGIN // 2, os.SEEK_DATA) >= begin - _MARGIN
    except OSError as error:
        return error.errno == errno.ENXIO  # there is no data at all from there on


def _take_blocks(descriptor: int, at: int, limit: int, gone: int) -> None:
    """A new note lies ready in what becomes the first block, so that the file changes in one step."""
    block = os.fstatvfs(descriptor).f_bsize
    first = (at - LONGEST_NOTE) // block * block
    if first <= 0:
        raise OSError(errno.EINVAL, "there is no whole block to take away")
    note = note_of(limit, gone, at - first)[:-1]
    os.pwrite(descriptor, note.ljust(at - first - 1) + b"\n", first)
    allocate(descriptor, COLLAPSE_RANGE, 0, first)


def _punch_hole(descriptor: int, at: int, limit: int, gone: int) -> None:
    used = len(note_of(limit, gone, at))
    allocate(descriptor, PUNCH_HOLE | KEEP_SIZE, used, at - used)


@contextmanager
def plain_file(path: str | Path, flags: int, within: int | None = None) -> Iterator[int]:
    """Opens the plain file `path`, below the directory `within`; returns its descriptor.

    Raises OSError for what is none: links, pipes, devices, and files with several names, which may be somebody else's.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=within)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise OSError(f"{str(path)!r} is not a plain file with one name")
        yield descriptor
    finally:
        os.close(descriptor)
