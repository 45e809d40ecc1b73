"""How often a transaction of SQLite goes to its connection's thread and back, and that all rows come nevertheless."""

from pathlib import Path

import pytest
from sqlalchemy import text

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.sqlite import FIRST, _Connection

MANY = text(
    "WITH RECURSIVE counting(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counting WHERE n < :last) "
    "SELECT n FROM counting"
)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One for each way there and back."""
    taken: list[object] = []
    execute = _Connection._execute

    async def counted(self: _Connection, step: object, *given: object, **more: object) -> object:
        taken.append(step)
        return await execute(self, step, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(_Connection, "_execute", counted)
    return taken


async def opened(tmp_path: Path) -> Database:
    """With a connection in its pool."""
    database = Database(f"sqlite:///{tmp_path}/bms.db")
    async with database.writing() as connection:
        await connection.execute(text("CREATE TABLE words (word TEXT)"))
    return database


async def test_a_transaction_that_reads_goes_there_once_for_each_statement(tmp_path: Path, steps: list[object]) -> None:
    database = await opened(tmp_path)
    steps.clear()
    async with database.reading() as connection:
        assert (await connection.execute(MANY, {"last": FIRST - 1})).scalars().all() == [*range(1, FIRST)]
        assert (await connection.execute(text("SELECT count(*) FROM words"))).scalar() == 0
    assert len(steps) == 2
    await database.close()


async def test_it_reads_one_state_and_ends_so_that_the_next_sees_what_was_written_meanwhile(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    count = text("SELECT count(*) FROM words")
    async with database.reading() as reading:
        assert (await reading.execute(count)).scalar() == 0
        async with database.writing() as writing:
            await writing.execute(text("INSERT INTO words VALUES ('new')"))
        assert (await reading.execute(count)).scalar() == 0
    async with database.reading() as reading:
        assert (await reading.execute(count)).scalar() == 1
    await database.close()


@pytest.mark.parametrize("last", [FIRST - 1, FIRST, FIRST + 1, 3 * FIRST + 5])
async def test_all_rows_come_however_they_are_fetched(tmp_path: Path, last: int) -> None:
    database = await opened(tmp_path)
    wanted = [*range(1, last + 1)]
    async with database.reading() as connection:
        assert (await connection.execute(MANY, {"last": last})).scalars().all() == wanted
        asked = MANY.execution_options(yield_per=7)
        async with connection.stream(asked, {"last": last}) as rows:
            assert [row.n async for row in rows] == wanted
        async with connection.stream(asked, {"last": last}) as rows:
            assert (await rows.fetchone()) == (1,)  # and the rest is left
    await database.close()
