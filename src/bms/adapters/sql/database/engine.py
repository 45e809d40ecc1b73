"""Database engines: transactions on each kind of database, and the conversion of its errors to ours."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection

from bms.adapters.sql.database.commit_watcher import CommitWatcher, SqliteOthers
from bms.adapters.sql.database.event_mark import TELLS, EventMark
from bms.adapters.sql.database.postgresql import postgresql_engine
from bms.adapters.sql.database.sqlite import WRITE, sqlite_engine, sqlite_engine_at_once
from bms.core.cancellation import to_the_end
from bms.core.errors import InvalidArgument, ResourceExhausted, Unavailable
from bms.core.ids import new_id

T = TypeVar("T")
SQLITE, POSTGRESQL = "sqlite", "postgresql"
# What may be better a moment later: too_many_connections, admin_shutdown, crash_shutdown, cannot_connect_now,
# idle_in_transaction_session_timeout; and the class of lost connections
# (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_PASSING, _LOST = frozenset({"53300", "57P01", "57P02", "57P03", "25P03"}), "08"
BUSY_S = 30.0  # how long a transaction waits for another one to end


class Database:
    """One database: its engine, its transactions, and a callback after each that wrote events.

    A transaction whose task is cancelled, at whatever point, is whole or not at all, and its connection and locks are
    free when the task has ended.
    """

    def __init__(self, url: str) -> None:
        """`url` is `sqlite:////path/file.db` or `postgresql://user:password@host/name`.

        Raises InvalidArgument for any other.
        """
        scheme, _, rest = url.partition("://")
        self._origin = new_id("db")
        self._at_once: Engine | None = None
        self._thread: ThreadPoolExecutor | None = None  # that does what is done at once, from the first such work on
        if scheme == SQLITE:
            self.engine = sqlite_engine(rest)
            self._at_once = sqlite_engine_at_once(rest)
            self.others: CommitWatcher = SqliteOthers(self.engine.url.database or "")
        elif scheme in (POSTGRESQL, "postgres"):
            from bms.adapters.sql.database.notices import PostgresOthers  # its driver is an extra

            self.engine = postgresql_engine(rest)
            self.others = PostgresOthers(self.engine, self._origin)
        else:
            raise InvalidArgument(f"database URL scheme {scheme!r} is not supported: use sqlite:// or postgresql://")
        self.dialect = SQLITE if scheme == SQLITE else POSTGRESQL
        self.written = asyncio.Event()  # set, and replaced by another, when there may be new events
        self._writers = asyncio.Lock()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        options = {"isolation_level": "REPEATABLE READ"} if self.dialect == POSTGRESQL else {}
        with _translated():
            async with self._transaction(options) as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Opens a write transaction: on SQLite it begins IMMEDIATE, so that two of them queue instead of failing."""
        mark = EventMark(self._origin)
        with _translated():
            async with self._turn():
                try:
                    async with self._transaction({WRITE: True, TELLS: mark}) as connection:
                        yield connection
                finally:  # also for one that failed: a commit that was cancelled may have been one
                    if mark.events:
                        self.notify()

    async def write_at_once(self, work: Callable[[Connection], T]) -> T:
        """Runs `work`, which does all of a write transaction without an event, and returns its result. On SQLite that
        is one step of a thread, and not one for each statement, which costs more than most statements do."""
        if self._at_once is None:
            async with self.writing() as connection:
                return await connection.run_sync(work)
        with _translated():
            async with self._turn():
                if self._thread is None:  # of its own: those of the event loop may all be at slow work
                    self._thread = ThreadPoolExecutor(1, "sqlite at once")
                step = partial(_written, self._at_once, work)
                return await to_the_end(asyncio.get_running_loop().run_in_executor(self._thread, step))

    def notify(self) -> None:
        """Notifies waiters that there may be new events."""
        written, self.written = self.written, asyncio.Event()
        written.set()

    async def close(self) -> None:
        await self.others.close()
        thread, self._thread = self._thread, None
        if thread is not None and self._at_once is not None:
            await to_the_end(asyncio.get_running_loop().run_in_executor(thread, self._at_once.dispose))
            thread.shutdown()
        await to_the_end(self.engine.dispose())

    @asynccontextmanager
    async def _transaction(self, options: dict[str, Any]) -> AsyncIterator[AsyncConnection]:
        # The end of a connection rolls back what is not committed, and is never broken off.
        async with self.engine.connect() as connection:
            if options:
                await connection.execution_options(**options)
            transaction = await to_the_end(connection.begin())
            yield connection
            await transaction.commit()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """SQLite has one writer at a time. Those of this process queue here, in order, where who waits can be cancelled
        at once and occupies no connection; the file's own lock is for those of other processes."""
        if self.dialect == POSTGRESQL:
            yield
            return
        try:
            async with asyncio.timeout(BUSY_S):
                await self._writers.acquire()
        except TimeoutError:
            raise _busy() from None
        try:
            yield
        finally:
            self._writers.release()


def _written(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
        return work(connection)


class _translated:
    """Turns a database that is away or full, and values that no column holds, into our errors; everything else passes
    unchanged."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        text = str(error)
        if isinstance(error, OperationalError) and ("disk is full" in text or "No space left" in text):
            raise ResourceExhausted("the database's disk is full: free some space, then repeat") from error
        if isinstance(error, PoolExhausted) or (isinstance(error, OperationalError) and "database is locked" in text):
            raise _busy() from error
        unfit = error.orig if isinstance(error, StatementError) else error
        if isinstance(error, DataError) or isinstance(unfit, OverflowError):
            raise InvalidArgument("a number, a time or a text is beyond what can be stored or compared") from error
        if isinstance(error, OSError) or (isinstance(error, DBAPIError) and _is_away(error)):
            raise Unavailable("the database does not answer: repeat in a moment", retry_after_s=1) from error


def _is_away(error: DBAPIError) -> bool:
    """Whether the connection is gone, or the server starts, stops or has no room for another connection."""
    return error.connection_invalidated or is_temporary(error) or _state(error).startswith(_LOST)


def is_temporary(error: BaseException | None) -> bool:
    """Whether a server's error is temporary: it accepts no connections just now."""
    return isinstance(error, DBAPIError) and _state(error) in _PASSING


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def _busy() -> Unavailable:
    return Unavailable("the database is busy: repeat in a moment", retry_after_s=1)
