"""Engines: how we speak to each database, and what its errors mean to us."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DataError, DBAPIError, OperationalError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from bms.core.errors import InvalidArgument, ResourceExhausted, Unavailable

SQLITE, POSTGRESQL = "sqlite", "postgresql"


class Database:
    """One database: its engine, its transactions, and the bell that rings after each commit that wrote."""

    def __init__(self, url: str) -> None:
        """`url` is `sqlite:////path/file.db` or `postgresql://user:password@host/name`.

        Raises InvalidArgument for any other.
        """
        scheme, _, rest = url.partition("://")
        if scheme == SQLITE:
            self.engine = _sqlite("sqlite+aiosqlite://" + rest)
        elif scheme in (POSTGRESQL, "postgres"):
            self.engine = create_async_engine("postgresql+asyncpg://" + rest, pool_size=10, pool_pre_ping=True)
        else:
            raise InvalidArgument(f"database URL scheme {scheme!r} is not supported: use sqlite:// or postgresql://")
        self.dialect = SQLITE if scheme == SQLITE else POSTGRESQL
        self.committed = asyncio.Condition()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with _translated():
            async with self.engine.connect() as connection:
                if self.dialect == POSTGRESQL:
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction: on SQLite it begins IMMEDIATE, so that two of them queue instead of failing."""
        with _translated():
            async with self.engine.connect() as connection:
                await connection.execution_options(bms_write=True)
                async with connection.begin():
                    yield connection
        async with self.committed:
            self.committed.notify_all()

    async def close(self) -> None:
        await self.engine.dispose()


class _translated:
    """Turns a database that is away or full, and values that no column holds, into our errors; everything else passes
    unchanged."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        text = str(error)
        if isinstance(error, OperationalError) and ("disk is full" in text or "No space left" in text):
            raise ResourceExhausted("the database's disk is full: free some space, then repeat") from error
        if isinstance(error, OperationalError) and "database is locked" in text:
            raise Unavailable("the database is busy: repeat in a moment", retry_after_s=1) from error
        unfit = error.orig if isinstance(error, StatementError) else error
        if isinstance(error, DataError) or isinstance(unfit, OverflowError):
            raise InvalidArgument("a number, a time or a text is beyond what can be stored or compared") from error
        if isinstance(error, OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
            raise Unavailable("the database does not answer: repeat in a moment", retry_after_s=1) from error


def _sqlite(url: str) -> AsyncEngine:
    engine = create_async_engine(url, poolclass=AsyncAdaptedQueuePool, pool_size=5, max_overflow=5)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin on its own: `begin` below does
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        write = connection.get_execution_options().get("bms_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
