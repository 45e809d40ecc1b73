"""What tells that another process may have committed: the port, and SQLite's log file. PostgreSQL's is `notices`."""

import os
import time
from collections.abc import Callable
from typing import Protocol

_COARSE_NS = 20_000_000  # more than a kernel's tick, by which files are dated


class Others(Protocol):
    """`newer` is cheap, and asked a few times a second."""

    def newer(self) -> bool:
        """Whether another process may have committed since this was last asked; also for commits of our own."""
        ...

    def listen(self, heard: Callable[[], None]) -> None:
        """From now on `heard` is called as soon as another process has committed, as far as that can be known at once.
        A second call does nothing."""
        ...

    async def close(self) -> None: ...


class SqliteOthers:
    """Every commit is written to the log file beside the database, which is looked at from outside: whoever opens it,
    and closes it again, takes the locks of this process's connections away (POSIX)."""

    def __init__(self, path: str) -> None:
        self._path = f"{path}-wal"
        self._seen: object = None

    def newer(self) -> bool:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            seen: object = None
        else:
            # What is written within the same tick need not change its date, nor its size: the log begins anew in place.
            settled = time.time_ns() - found.st_mtime_ns > _COARSE_NS
            seen = (found.st_ino, found.st_size, found.st_mtime_ns) if settled else object()
        before, self._seen = self._seen, seen
        return seen != before

    def listen(self, heard: Callable[[], None]) -> None:
        """There is nothing that would tell."""

    async def close(self) -> None:
        return
