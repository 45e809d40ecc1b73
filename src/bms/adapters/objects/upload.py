"""Uploads one blob to disk: a locked temporary file that becomes visible, whole, or never.

Publish: temporary file in the same filesystem -> write -> fsync -> rename -> fsync of the directory.
"""

import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from bms.adapters.objects.content import room_for


def make_durable_directory(path: Path) -> None:
    """Creates `path` and its missing parents so that they, too, survive a power cut."""
    if path.is_dir():
        return
    make_durable_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Upload:
    """One upload in progress. Blocking, to be called from threads; one call at a time goes through, so `abort` waits
    for a running write.

    The temporary file is held by flock while its process lives: whoever finds one unlocked may remove it.
    """

    def __init__(self, temporary: Path, require: Callable[[], None] = lambda: None) -> None:
        """`require` is called before anything is made, and raises where nothing is to be."""
        self._temporary = temporary
        self._require = require
        self._lock = threading.Lock()
        self._hash = hashlib.sha256()
        self._file: tuple[Path, int] | None = None  # its path and descriptor
        self._ended = False
        self.size = 0

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Raises ResourceExhausted when there is no room; the caller then aborts. Does nothing after the end."""
        with self._lock, room_for(f"storing a blob (after {self.size} bytes)"):
            if self._ended:
                return
            _, descriptor = self._begun()
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            self._hash.update(data)
            self.size += len(data)

    def publish(self, target: Path, at: float) -> None:
        """Makes the content visible as `target`, dated `at` (Unix seconds). An equal one there is replaced: same
        content, but a fresh age, and healed if it was damaged. Does nothing after the end."""
        with self._lock, room_for("storing a blob"):
            if self._ended:
                return
            path, descriptor = self._begun()
            os.utime(descriptor, (at, at))
            os.fchmod(descriptor, 0o400)
            os.fsync(descriptor)
            make_durable_directory(target.parent)
            os.rename(path, target)
            sync_directory(target.parent)
            self._end()

    def abort(self) -> None:
        """Leaves nothing behind; does nothing after `publish`."""
        with self._lock:
            if self._file is not None and not self._ended:
                self._file[0].unlink(missing_ok=True)
            self._end()

    def _begun(self) -> tuple[Path, int]:
        if self._file is None:
            self._require()
            make_durable_directory(self._temporary)
            self._file = _locked_file(self._temporary)
        return self._file

    def _end(self) -> None:
        if self._file is not None and not self._ended:
            os.close(self._file[1])
        self._ended = True


def _locked_file(directory: Path) -> tuple[Path, int]:
    while True:
        path = directory / f"{secrets.token_hex(16)}.part"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # a clean-up may have come between the open and the lock
            return path, descriptor
        os.close(descriptor)


def remove_stale(directory: Path) -> int:
    """Removes what uploads of dead processes left in `directory`; spares those of living ones. Returns how many."""
    removed = 0
    for path in directory.glob("*.part"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            removed += 1
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
    return removed
