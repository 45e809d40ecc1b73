"""Detects that another process may have committed: the port, and SQLite's implementation. PostgreSQL's is `notices`."""

import sqlite3
from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote

_NEWEST = "SELECT max(number) FROM events"


class CommitWatcher(Protocol):
    """Tells when other processes commit events; `newer` is cheap, and asked a few times a second."""

    def newer(self, number: int) -> bool:
        """Whether there may be events after this one, of another process or our own."""
        ...

    def listen(self, heard: Callable[[], None]) -> None:
        """Starts to call `heard` as soon as another process has committed, as far as that can be known at once. A
        second call does nothing."""
        ...

    async def close(self) -> None: ...


class SqliteOthers:
    """Watches SQLite by asking for the newest event number. The date of the log file would not do: it also changes with
    every lease, and not when what was written becomes visible.

    By a connection of its own, in the caller's thread: readers wait for nobody, and the way to another thread and back
    costs ten times as much.
    """

    def __init__(self, path: str) -> None:
        self._address = f"file:{quote(path)}?mode=rw"
        self._connection: sqlite3.Connection | None = None

    def newer(self, number: int) -> bool:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._address, uri=True, timeout=0, isolation_level=None)
            ((newest,),) = self._connection.execute(_NEWEST)  # to the end: it must not keep old pages from being reused
        except sqlite3.Error:  # recovered at this moment, say, or not there: whoever looks is told what is wrong
            return True
        return newest is not None and newest > number

    def listen(self, heard: Callable[[], None]) -> None:
        """Does nothing: SQLite has no notifications."""

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
