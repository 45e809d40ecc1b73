"""A home's files, counted by what they are for."""

import asyncio
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from bms.control.retention.nouns import DiskKind, DiskUse, FileSystem
from bms.core.cancellation import thread_of, to_the_end

_BLOCK = 512  # bytes of st_blocks, whatever the file system
_AT_ONCE = 500  # files between two pauses, in which the event loop's thread runs
_PAUSE_S = 0.001
# In order: what has several names counts where it is found first, and objects come before the trees that link to them.
_FOLDERS: tuple[tuple[str, DiskKind], ...] = (
    ("objects", "objects"),
    ("journal", "journal"),
    ("environments", "environments"),
    ("slim", "slim"),
    ("cache/trees", "trees"),
    ("cache", "cache"),
    ("run", "workloads"),
    ("logs/replicas", "replica logs"),
    ("logs", "logs"),
)
_BY_TENANT = frozenset({"objects", "cache/trees"})
_DATABASE = "bms.db"


class HomeDisk:
    """`DiskMeter` of the home `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def uses(self) -> list[DiskUse]:
        stop = threading.Event()
        return await to_the_end(thread_of(self._uses, stop), hurry=stop.set)

    async def file_system(self) -> FileSystem:
        found = await asyncio.to_thread(os.statvfs, self._root)
        return FileSystem(size=found.f_frsize * found.f_blocks, free=found.f_frsize * found.f_bavail)

    def _uses(self, stop: threading.Event) -> list[DiskUse]:
        count = _Count(stop)
        told_apart = {str(self._root / folder) for folder, _ in _FOLDERS}
        found: list[DiskUse] = []
        for folder, kind in _FOLDERS:
            parts = [path for path in _listed(self._root / folder) if path not in told_apart]
            if folder in _BY_TENANT:
                found += [count.of(kind, [path], _tenant(path)) for path in parts]
            else:
                found.append(count.of(kind, parts))
        tops = {str(self._root / folder.partition("/")[0]) for folder, _ in _FOLDERS}
        rest = [path for path in _listed(self._root) if path not in tops]
        books = [path for path in rest if os.path.basename(path).startswith(_DATABASE)]
        found += [count.of("database", books), count.of("other", [path for path in rest if path not in books])]
        order = get_args(DiskKind)
        return sorted((use for use in found if use.files), key=lambda use: (order.index(use.kind), use.tenant))


def _listed(folder: Path) -> list[str]:
    """Paths of what is in it; none where it is not there."""
    try:
        return sorted(entry.path for entry in os.scandir(folder))
    except FileNotFoundError:
        return []


def _tenant(path: str) -> str:
    """Whose a folder of objects or trees is; "" of one in which trees are made."""
    name = os.path.basename(path)
    return "" if name.startswith(".") else name


class _Count:
    """Counts files, each once however many names it has: names that are still to come are remembered."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._seen = 0
        self._names_left: dict[tuple[int, int], int] = {}

    def of(self, kind: DiskKind, paths: Iterable[str], tenant: str = "") -> DiskUse:
        """All files in and below `paths`; links are not followed."""
        files = total = 0
        waiting = list(paths)
        while waiting and not self._stop.is_set():
            path = waiting.pop()
            try:
                found = os.lstat(path)
                if stat.S_ISDIR(found.st_mode):
                    waiting += [entry.path for entry in os.scandir(path)]
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue  # gone meanwhile, or closed by a workload whose folder it is
            self._pause()
            if not stat.S_ISDIR(found.st_mode):
                files += 1
                if self._is_named_elsewhere(found):
                    continue
            total += found.st_blocks * _BLOCK
        return DiskUse(kind=kind, tenant=tenant, files=files, bytes=total)

    def _is_named_elsewhere(self, found: os.stat_result) -> bool:
        """Whether another name of it was counted."""
        if found.st_nlink == 1:
            return False
        file = (found.st_dev, found.st_ino)
        left = self._names_left.pop(file, None)
        more = (found.st_nlink if left is None else left) - 1
        if more > 0:
            self._names_left[file] = more
        return left is not None

    def _pause(self) -> None:
        self._seen += 1
        if self._seen % _AT_ONCE == 0:
            self._stop.wait(_PAUSE_S)
