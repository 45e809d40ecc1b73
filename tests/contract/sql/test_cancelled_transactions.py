"""A transaction whose task is cancelled, wherever that is, holds nothing any more when the task has ended."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest
from sqlalchemy import Connection, event, text

from bms.adapters.sql.database import engine
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.event_mark import mark_event
from bms.core.errors import Unavailable
from tests.cancelling import PLANS, Cancelling, Plan, every_await, open_below
from tests.worlds.databases import database_url

pytestmark = pytest.mark.no_cover
ROWS = 300  # more than a cursor fetches in one step
ONLY_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
ONLY_POSTGRESQL = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
EVERY_PLAN = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


class Outside(Protocol):
    """A connection to the same database that is not of its pool."""

    async def gets_in(self) -> None:
        """Raises where somebody holds a lock that keeps a writer out."""
        ...

    async def is_alone(self) -> None:
        """Raises where another connection is left: call it last."""
        ...


class OutsideSqlite:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = set(threading.enumerate())
        self.connection = sqlite3.connect(path, timeout=0, isolation_level=None)

    async def gets_in(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute("ROLLBACK")

    async def is_alone(self) -> None:
        self.connection.close()
        for thread in set(threading.enumerate()) - self._threads:
            if "_connection_worker" in thread.name:
                await asyncio.to_thread(thread.join, 10)
                assert not thread.is_alive()
        assert open_below(self._path.parent) == []


class OutsidePostgresql:
    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection

    async def gets_in(self) -> None:
        async with self.connection.transaction():
            # That a connection was broken off is noticed by its server in a moment, not at once.
            await self.connection.execute("SET LOCAL lock_timeout = '5s'")
            await self.connection.execute("LOCK TABLE things IN ACCESS EXCLUSIVE MODE")

    async def is_alone(self) -> None:
        others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        async with asyncio.timeout(10):
            while await self.connection.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {others}"):
                await asyncio.sleep(0.005)


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with database_url(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """With one connection in its pool."""
    opened = Database(url)
    async with opened.writing() as connection:
        await connection.execute(text("CREATE TABLE things (number INTEGER, part INTEGER)"))
        rows = [{"part": part} for part in range(ROWS)]
        await connection.execute(text("INSERT INTO things VALUES (0, :part)"), rows)
    yield opened
    await opened.close()


@pytest.fixture
async def outside(url: str, database: Database, tmp_path: Path) -> AsyncIterator[Outside]:
    """When a test has ended, nothing else is connected any more."""
    if database.dialect == "sqlite":
        await database.close()
        sqlite = OutsideSqlite(tmp_path / "bms.db")
        yield sqlite
        await database.close()
        await sqlite.is_alone()
        return
    connection = await asyncpg.connect(url)
    try:
        postgresql = OutsidePostgresql(connection)
        yield postgresql
        await database.close()
        await postgresql.is_alone()
    finally:
        await connection.close()


async def _write(database: Database, number: int) -> None:
    async with database.writing() as connection:
        mark_event(connection)
        await connection.execute(text("INSERT INTO things VALUES (:number, 1)"), {"number": number})
        assert len((await connection.execute(text("SELECT * FROM things WHERE number = 0"))).all()) == ROWS
        await asyncio.sleep(0)
        async with connection.begin_nested():
            changed = text("UPDATE things SET part = 3 WHERE number = :number RETURNING part")
            assert (await connection.execute(changed, {"number": number})).all() == [(3,)]
        await connection.execute(text("INSERT INTO things VALUES (:number, 2)"), {"number": number})


async def _read(database: Database) -> None:
    async with database.reading() as connection:
        assert len((await connection.execute(text("SELECT * FROM things WHERE number = 0"))).all()) == ROWS
        await asyncio.sleep(0)
        async with connection.stream(text("SELECT part FROM things ORDER BY part")) as rows:
            assert [row async for row in rows][:2] == [(0,), (1,)]
        async with connection.stream(text("SELECT part FROM things ORDER BY part")) as rows:
            assert await anext(aiter(rows)) == (0,)


def _insert(number: int, connection: Connection) -> int:
    for part in (1, 2):
        connection.execute(text("INSERT INTO things VALUES (:number, :part)"), {"number": number, "part": part})
    return number


async def _parts(database: Database, number: int) -> list[int]:
    query = text("SELECT part FROM things WHERE number = :number ORDER BY part")
    async with database.reading() as connection:
        return list((await connection.execute(query, {"number": number})).scalars())


def _in_use(database: Database) -> int:
    return database.engine.pool.checkedout()  # type: ignore[attr-defined, no-any-return]


@EVERY_PLAN
@pytest.mark.parametrize("connects", [False, True], ids=["pooled", "connects"])
async def test_a_writing_transaction_may_be_cancelled_at_every_await(
    database: Database, outside: Outside, plan: Plan, connects: bool
) -> None:
    written: dict[int, asyncio.Event] = {}

    async def write(number: int) -> None:
        written[number] = database.written
        await _write(database, number)

    async def check(number: int, cancelled: bool) -> None:
        await outside.gets_in()
        assert _in_use(database) == 0
        parts = await _parts(database, number)
        assert parts == [2, 3] or (cancelled and parts == []), "it is whole or not at all"
        assert written[number].is_set() or not parts, "who waits for events hears of it"
        if connects:
            await database.close()

    await (database.close() if connects else _read(database))
    assert await every_await(write, plan, check) > 10


@EVERY_PLAN
@pytest.mark.parametrize("connects", [False, True], ids=["pooled", "connects"])
async def test_a_transaction_at_once_may_be_cancelled_at_every_await(
    database: Database, outside: Outside, plan: Plan, connects: bool
) -> None:
    async def check(number: int, cancelled: bool) -> None:
        await outside.gets_in()
        assert _in_use(database) == 0
        parts = await _parts(database, number)
        assert parts == [1, 2] or (cancelled and parts == []), "it is whole or not at all"
        if connects:
            await database.close()

    await (database.close() if connects else _read(database))
    assert await every_await(lambda number: database.write_at_once(partial(_insert, number)), plan, check) >= 1


async def test_a_transaction_at_once_that_fails_leaves_nothing(database: Database, outside: Outside) -> None:
    def fails(connection: Connection) -> None:
        _insert(1, connection)
        raise RuntimeError

    for _ in range(3):
        with pytest.raises(RuntimeError):
            await database.write_at_once(fails)
        await outside.gets_in()
    assert await _parts(database, 1) == []
    assert await database.write_at_once(partial(_insert, 2)) == 2
    assert await _parts(database, 2) == [1, 2]


@ONLY_SQLITE
async def test_transactions_at_once_queue_with_those_in_steps(database: Database) -> None:
    numbers = range(1, 9)
    await asyncio.gather(
        *(_write(database, number) for number in numbers),
        *(database.write_at_once(partial(_insert, -number)) for number in numbers),
    )
    assert [await _parts(database, number) for number in numbers] == [[2, 3]] * 8
    assert [await _parts(database, -number) for number in numbers] == [[1, 2]] * 8


@EVERY_PLAN
@pytest.mark.parametrize("connects", [False, True], ids=["pooled", "connects"])
async def test_a_reading_transaction_may_be_cancelled_at_every_await(
    database: Database, outside: Outside, plan: Plan, connects: bool
) -> None:
    async def read(_number: int) -> None:
        await _read(database)

    async def check(_number: int, _cancelled: bool) -> None:
        await outside.gets_in()
        assert _in_use(database) == 0
        await (database.close() if connects else _read(database))

    await (database.close() if connects else _read(database))
    assert await every_await(read, plan, check) > 6


@pytest.mark.parametrize("plan", [PLANS["once"], PLANS["once-answered"]], ids=["waits", "has-just-got-it"])
async def test_who_waits_for_a_connection_may_be_cancelled(database: Database, outside: Outside, plan: Plan) -> None:
    pool = database.engine.pool
    most = pool.size() + pool._max_overflow  # type: ignore[attr-defined]
    for _ in range(2):
        async with AsyncExitStack() as taken:
            for _ in range(most):
                await taken.enter_async_context(database.reading())
            waiting = asyncio.create_task(_run(Cancelling(_read(database), partial(plan, 1))))
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert _in_use(database) == 0
        await outside.gets_in()


@ONLY_SQLITE  # whose writers wait for one another
async def test_who_waits_for_another_writer_is_cancelled_at_once(database: Database, outside: Outside) -> None:
    async with database.writing() as connection:
        cancelled = asyncio.create_task(_run(Cancelling(_write(database, 1), partial(PLANS["once"], 1))))
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        answered = asyncio.create_task(_run(Cancelling(_write(database, 2), partial(PLANS["once-answered"], 1))))
        await asyncio.sleep(0)
        patient = asyncio.create_task(_write(database, 3))
        await connection.execute(text("INSERT INTO things VALUES (9, 9)"))
        assert _in_use(database) == 1, "who waits occupies no connection"
    with pytest.raises(asyncio.CancelledError):
        await answered
    await patient
    assert [await _parts(database, number) for number in (1, 2, 3, 9)] == [[], [], [2, 3], [9]]
    await outside.gets_in()


@ONLY_SQLITE
async def test_who_waits_too_long_for_another_writer_is_told_that_the_database_is_busy(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_S", 0.0)
    async with database.writing():
        with pytest.raises(Unavailable, match="the database is busy"):
            await _write(database, 1)
    monkeypatch.undo()
    await _write(database, 2)


async def test_who_waits_too_long_for_a_connection_is_told_that_the_database_is_busy(database: Database) -> None:
    pool = database.engine.pool
    pool._timeout = 0.0  # type: ignore[attr-defined]
    async with AsyncExitStack() as taken:
        for _ in range(pool.size() + pool._max_overflow):  # type: ignore[attr-defined]
            await taken.enter_async_context(database.reading())
        with pytest.raises(Unavailable, match="the database is busy"):
            await _read(database)
    await _read(database)


@ONLY_SQLITE  # PostgreSQL breaks off what its client gave up
async def test_a_lock_that_comes_after_its_transaction_was_cancelled_is_given_back(
    database: Database, outside: Outside
) -> None:
    """The one who has it is another process; a thread of ours waits for it, which nothing can break off."""
    assert isinstance(outside, OutsideSqlite)
    begins = asyncio.Event()

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def _note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement == "BEGIN IMMEDIATE":
            begins.set()

    outside.connection.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(_write(database, 1))
    await begins.wait()
    for _ in range(10):
        waiting.cancel()
        await asyncio.sleep(0)
    assert not waiting.done(), "it ends when it holds nothing and never will"
    outside.connection.execute("ROLLBACK")
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await outside.gets_in()
    assert await _parts(database, 1) == []


@ONLY_POSTGRESQL  # where a transaction takes its locks one after the other
@pytest.mark.parametrize("turns", [0, 1, 3], ids=lambda turns: f"{turns}-turns-apart")
async def test_a_statement_that_waits_for_a_lock_may_be_cancelled_again_and_again(
    database: Database, outside: Outside, turns: int
) -> None:
    """It is ended on the server, too: else it would keep the locks that its transaction has already."""
    assert isinstance(outside, OutsidePostgresql)
    await _write(database, 1)

    async def first_one_then_the_other() -> None:
        async with database.writing() as connection:
            await connection.execute(text("UPDATE things SET part = part WHERE number = 1 AND part = 2"))
            await connection.execute(text("UPDATE things SET part = part WHERE number = 1 AND part = 3"))

    async with database.engine.begin() as other:
        await other.execute(text("UPDATE things SET part = part WHERE number = 1 AND part = 3"))
        waiting = asyncio.create_task(first_one_then_the_other())
        blocked = "datname = current_database() AND wait_event_type = 'Lock'"
        async with asyncio.timeout(10):
            while not await outside.connection.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {blocked}"):
                await asyncio.sleep(0.005)
        for _ in range(10):
            waiting.cancel()
            for _ in range(turns):
                await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with outside.connection.transaction():
            await outside.connection.execute("SET LOCAL lock_timeout = '5s'")
            await outside.connection.execute("UPDATE things SET part = part WHERE number = 1 AND part = 2")


@EVERY_PLAN
async def test_closing_may_be_cancelled_at_every_await(database: Database, outside: Outside, plan: Plan) -> None:
    async def close(_number: int) -> None:
        await database.close()

    async def check(_number: int, _cancelled: bool) -> None:
        await asyncio.gather(*(_read(database) for _ in range(3)))

    await check(0, False)
    assert await every_await(close, plan, check) > 0


async def _run(cancelling: Cancelling[None]) -> None:
    await cancelling
