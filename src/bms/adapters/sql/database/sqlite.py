"""SQLite connections, each with a thread, whose statements run to their end even when the task is cancelled.

So a cancelled task waits for the thread, and only then is its cancellation raised. The driver alone would go on at
once: a BEGIN that is still under way then takes the database's lock behind the back of the roll-back.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import WeakSet

import aiosqlite
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from bms.core.cancellation import to_the_end

WRITE = "bms_write"  # the execution option of a transaction that writes
FIRST = 64  # rows that are fetched with a statement
PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


def sqlite_engine(path: str) -> AsyncEngine:
    """Makes the engine; `path` begins with a slash: "//absolute/file", "/relative"."""
    engine = create_async_engine(
        "sqlite+aiosqlite://" + path,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=5,
        max_overflow=5,
        connect_args={"async_creator_fn": _connected},
    )
    _prepare(engine.sync_engine)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        if connection.get_execution_options().get(WRITE, False):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.connection.driver_connection.will_read()

    @event.listens_for(engine.sync_engine, "handle_error")
    def _cancelled(context: ExceptionContext) -> None:
        # Its statement has ended, so the connection is as good as before: it rolls back and returns to the pool.
        if isinstance(context.original_exception, asyncio.CancelledError):
            context.is_disconnect = False

    return engine


def sqlite_engine_at_once(path: str) -> Engine:
    """Makes an engine of one connection, for write transactions that a thread runs from beginning to end."""
    # Whichever thread that is: there is one at a time.
    engine = create_engine("sqlite://" + path, pool_size=1, max_overflow=0, connect_args={"check_same_thread": False})
    _prepare(engine)

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _prepare(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin on its own: whoever makes the engine does
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


async def _connected(database: str, **options: Any) -> aiosqlite.Connection:
    options["check_same_thread"] = False  # what waits for nothing is done where it is asked for: see `_Cursor`
    connection = _Connection(partial(sqlite3.connect, database, factory=_Whole, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy does with those it makes
    return await connection


class _Step(asyncio.Future[Any]):
    """An operation that a connection's thread was given. Who is cancelled while it waits for that hears of it
    afterwards (`Task.cancel`): so it is with `to_the_end`, which takes longer than many a step."""

    def cancel(self, msg: object = None) -> bool:
        return False


class _Connection(aiosqlite.Connection):
    """A connection of the driver whose every step is awaited to its end.

    A step is a way to its thread and back, which takes longer than most statements: so a transaction that reads takes
    one for each statement, with which it begins and after whose rows it ends, where the driver takes ten.
    """

    _stopping: "asyncio.Future[Any] | None" = None
    _reads = False  # in a transaction that only reads, whose end waits for nothing
    _begins = False  # it has yet to begin, with its first statement: SQLite takes nothing before that

    def will_read(self) -> None:
        """Declares that a read-only transaction is to begin."""
        self._reads = self._begins = True

    def begins(self) -> bool:
        """Whether the transaction is to begin now."""
        begins, self._begins = self._begins, False
        return begins

    async def _connect(self) -> aiosqlite.Connection:
        try:
            return await to_the_end(super()._connect())
        except asyncio.CancelledError:
            await self.close()
            raise

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self._running or not self._connection:
            raise ValueError("Connection closed")
        done = _Step(loop=asyncio.get_running_loop())
        self._tx.put_nowait((done, partial(fn, *args, **kwargs)))
        try:
            return await done
        except asyncio.CancelledError as cancelled:
            raise cancelled from done.exception()

    def cursor(self) -> "_Cursor":  # type: ignore[override] # which is all that SQLAlchemy asks of it
        return _Cursor(self, self._conn.cursor())

    async def commit(self) -> None:
        await self._end(self._conn.commit)

    async def rollback(self) -> None:
        """Also whenever a connection returns to the pool, where its transaction has mostly ended."""
        await self._end(self._conn.rollback)

    async def _end(self, end: Callable[[], None]) -> None:
        reads, self._reads, self._begins = self._reads, False, False
        if not self._conn.in_transaction:
            return
        if reads:
            end()
        else:
            await self._execute(end)

    def stop(self) -> "asyncio.Future[Any] | None":
        """Once: a second request would wait for ever in the queue of a thread that has ended."""
        if self._stopping is None:
            self._stopping = super().stop()
        return self._stopping


class _Cursor(aiosqlite.Cursor):
    """Is made and closed by who uses it: nobody else does, and neither has to wait for a file. Its first rows come with
    the statement, which mostly has no more."""

    _conn: _Connection
    _first: list[Any]  # rows that were fetched, and not asked for yet
    _more = False  # there may be others

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "_Cursor":
        self._first = await self._conn._execute(_run, self._cursor, self._conn.begins(), sql, parameters or ())
        self._more = len(self._first) == FIRST
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "_Cursor":
        if self._conn.begins():
            await self._conn._execute(self._cursor.execute, "BEGIN")
        await super().executemany(sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        rows, self._first = self._first, []
        return [*rows, *await super().fetchall()] if self._more else rows

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        count = self.arraysize if size is None else size
        rows, self._first = self._first[:count], self._first[count:]
        if self._more and len(rows) < count:
            rows += await super().fetchmany(count - len(rows))
        return rows

    async def fetchone(self) -> Any:
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def close(self) -> None:
        self._cursor.close()


def _run(cursor: sqlite3.Cursor, begins: bool, sql: str, parameters: Any) -> list[Any]:
    """In the connection's thread: its first rows."""
    if begins:
        cursor.execute("BEGIN")
    cursor.execute(sql, parameters)
    return cursor.fetchmany(FIRST) if cursor.description else []


class _Whole(sqlite3.Connection):
    """Closes its cursors with itself. One that is half read, and that the traceback of a cancellation still refers to,
    would keep the file open, and its lock, until it is collected (sqlite3_close_v2)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def cursor(self, *args: Any, **options: Any) -> Any:
        cursor = super().cursor(*args, **options)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        while self._cursors:
            self._cursors.pop().close()
        super().close()
