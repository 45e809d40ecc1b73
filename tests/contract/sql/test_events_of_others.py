"""Two processes on one database hear of each other's events, and ask the database nothing while there are none."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text

from bms.adapters.sql.database import notices, sqlite
from bms.adapters.sql.database.commit_watcher import SqliteOthers
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import LOOK_S, SqlEventLog, SqlLeases
from bms.adapters.sql.positions import SqlPositions
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.core.clock import ManualClock
from bms.core.events import Event, Payload
from tests.worlds.databases import database as open_database

MARGIN_S = 1.0  # of a busy machine
_LISTENS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


@pytest.fixture
async def other(database: Database) -> AsyncIterator[Database]:
    """The same database, as another process has it."""
    opened = Database(
        database.engine.url.render_as_string(hide_password=False).replace("+aiosqlite", "").replace("+asyncpg", "")
    )
    yield opened
    await opened.close()


class One(Payload, frozen=True, kw_only=True):
    """Something happened."""

    EVENT = "a.one"


async def _emit(database: Database) -> None:
    async with SqlStore(database, SqlTenants).write() as tx:
        await tx.emit(Event(payload=One(), tenant="t", subject="s", actor="a", at=ManualClock().now()))


@contextmanager
def _statements(database: Database) -> Iterator[Counter[str]]:
    """How many of each kind were executed."""
    asked: Counter[str] = Counter()

    def count(*told: object) -> None:
        asked[str(told[2]).split()[0]] += 1

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    yield asked
    event.remove(database.engine.sync_engine, "before_cursor_execute", count)


async def _listening(database: Database) -> None:
    """Returns when somebody listens to a PostgreSQL database."""
    async with asyncio.timeout(10):
        while True:
            async with database.reading() as connection:
                if (await connection.execute(text(f"SELECT count(*) {_LISTENS}"))).scalar():
                    return
            await asyncio.sleep(0.02)


async def test_an_event_of_another_process_is_heard_of(database: Database, other: Database) -> None:
    log = SqlEventLog(database)
    waiting = asyncio.create_task(log.wait(await log.last(), 30))
    if database.dialect == "postgresql":
        await _listening(database)
    await asyncio.sleep(3 * LOOK_S)
    began = time.monotonic()
    await _emit(other)
    assert await asyncio.wait_for(waiting, 10) == 1
    assert time.monotonic() - began < LOOK_S + MARGIN_S
    assert [found.name for _, found in await log.since(0)] == ["a.one"]


async def test_postgresql_tells_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing else that would: nobody asks for an hour."""
    monkeypatch.setattr("bms.adapters.sql.events.LOOK_S", 3600.0)
    async with open_database("postgresql", tmp_path) as database:
        log, before = SqlEventLog(database), 0
        for _ in range(3):
            waiting = asyncio.create_task(log.wait(before, 30))
            await _listening(database)
            await asyncio.sleep(0.1)
            second = Database(database.engine.url.render_as_string(hide_password=False).replace("+asyncpg", ""))
            await _emit(second)
            await second.close()
            before = await asyncio.wait_for(waiting, 5)
        assert before == 3


async def test_postgresql_is_listened_to_again_when_the_connection_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "RETRY_S", 0.05)
    async with open_database("postgresql", tmp_path) as database:
        log = SqlEventLog(database)
        waiting = asyncio.create_task(log.wait(0, 30))
        for _ in range(2):
            await _listening(database)
            async with database.reading() as connection:
                await connection.execute(text(f"SELECT pg_terminate_backend(pid) {_LISTENS}"))
            async with asyncio.timeout(10):
                while not database.others.newer(0):  # it says so itself while nobody listens
                    await asyncio.sleep(0.01)
        await _listening(database)
        await _emit(database)
        assert await asyncio.wait_for(waiting, 10) == 1


async def test_while_nothing_happens_the_database_is_asked_nothing(database: Database) -> None:
    log = SqlEventLog(database)
    await _emit(database)
    waiting = [asyncio.create_task(log.wait(1, 30)) for _ in range(3)]
    if database.dialect == "postgresql":
        await _listening(database)
    await asyncio.sleep(4 * LOOK_S)
    with _statements(database) as asked:
        await asyncio.sleep(6 * LOOK_S)
        assert not asked
        await _emit(database)
        assert await asyncio.wait_for(asyncio.gather(*waiting), 10) == [2, 2, 2]
        assert [await log.since(number) for number in (1, 1, 2)][2] == []
        assert asked["SELECT"] <= 2, "one look for all, and PostgreSQL's lock"


async def test_what_is_written_without_an_event_wakes_nobody(database: Database, clock: ManualClock) -> None:
    before = database.written
    assert (await SqlLeases(database, clock).acquire({"leader": None}, "a", 10)).held == {"leader": 1}
    assert database.written is before
    await _emit(database)
    assert before.is_set()


async def test_what_is_written_without_an_event_makes_nobody_ask(
    database: Database, other: Database, clock: ManualClock
) -> None:
    """Every control writes its leases all the time."""
    log, leases = SqlEventLog(database), [SqlLeases(each, clock) for each in (database, other)]
    await _emit(database)
    waiting = asyncio.create_task(log.wait(await log.last(), 30))
    if database.dialect == "postgresql":
        await _listening(database)
    await asyncio.sleep(2 * LOOK_S)
    with _statements(database) as asked:
        for _ in range(3):
            for each in leases:
                await each.acquire({"leader": None}, "a", 10)
            await asyncio.sleep(1.5 * LOOK_S)
        assert asked["BEGIN"] <= 3, "its own three leases"
        await _emit(other)
        assert await asyncio.wait_for(waiting, 10) == 2


async def test_on_sqlite_renewing_is_one_step_of_one_thread(tmp_path: Path, clock: ManualClock) -> None:
    async with open_database("sqlite", tmp_path) as database:
        leases, positions = SqlLeases(database, clock), SqlPositions(database, clock)
        await leases.acquire({"a": None, "b": None}, "one", 10)
        await positions.keep("one", 5, 10)
        steps: Counter[str] = Counter()
        with _steps(steps):
            assert (await leases.acquire({"a": 1, "b": 1}, "one", 10)).held == {"a": 1, "b": 1}
            assert steps == {"thread": 1}
            assert await positions.keep("one", 6, 10) == {}
            assert steps == {"thread": 2}


@contextmanager
def _steps(counted: Counter[str]) -> Iterator[None]:
    """Counts what is handed to threads: the driver's, and those of the event loop."""
    loop, step = asyncio.get_running_loop(), sqlite._Connection._execute
    run = loop.run_in_executor

    def in_thread(*given: object) -> object:
        counted["thread"] += 1
        return run(*given)  # type: ignore[arg-type]

    async def driver(*given: object) -> object:
        counted["driver"] += 1
        return await step(*given)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "run_in_executor", in_thread)
        patch.setattr(sqlite._Connection, "_execute", driver)
        yield


async def test_sqlite_says_exactly_whether_there_is_an_event_that_can_be_read(tmp_path: Path) -> None:
    """However little a commit changes of the files, and whoever makes it."""
    async with open_database("sqlite", tmp_path) as database:
        others = database.others
        assert [others.newer(0) for _ in range(2)] == [False, False]
        for number in range(3):
            async with SqlStore(database, SqlTenants).write() as tx:
                await tx.emit(Event(payload=One(), tenant="t", subject="s", actor="a", at=ManualClock().now()))
                assert not others.newer(number), "not committed yet"
            assert [others.newer(number), others.newer(number), others.newer(number + 1)] == [True, True, False]
        await others.close()
        assert others.newer(2), "it is opened again"


async def test_where_sqlite_can_not_be_asked_something_may_have_happened(tmp_path: Path) -> None:
    others = SqliteOthers(str(tmp_path / "bms.db"))
    assert others.newer(5), "there is none"
    assert not list(tmp_path.iterdir()), "and none is made"
    await others.close()


async def test_who_asks_does_not_keep_the_log_from_beginning_anew(tmp_path: Path) -> None:
    async with open_database("sqlite", tmp_path) as database:
        await _emit(database)
        assert database.others.newer(0)
        await _emit(database)
        async with database.engine.connect() as connection:
            found = (await connection.execute(text("PRAGMA wal_checkpoint(RESTART)"))).one()
        assert found[0] == 0, "a reader was in its way"


async def test_many_events_are_read_from_memory_and_older_ones_from_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bms.adapters.sql.events.TAIL", 3)
    log = SqlEventLog(database)
    assert await log.last() == 0
    for _ in range(5):
        await _emit(database)
    for number in range(6):
        assert [found for found, _ in await log.since(number)] == list(range(number + 1, 6))
    assert [found for found, _ in await log.since(3, 1)] == [4]
    with _statements(database) as asked:
        assert len(await log.since(2)) == 3
        assert not asked
        assert len(await log.since(1)) == 4
        assert asked["SELECT"] == 1
