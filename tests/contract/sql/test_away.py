"""A server that starts, stops or hangs up is away, which may pass; what it says of a statement is something else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bms.adapters.sql.database import postgresql
from bms.adapters.sql.database.engine import Database
from bms.core.errors import Unavailable
from tests.worlds import databases


class Said(Exception):
    """What a driver raises."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Database]:
    async with databases.database("postgresql", tmp_path) as opened:
        yield opened


async def test_a_connection_that_the_server_ends_is_told_as_away(server: Database) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        async with server.reading() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    async with server.reading() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar() == 1


async def test_a_process_that_is_stopped_in_a_transaction_does_not_hold_others_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "IDLE_S", 0.5)
    async with databases.database_url("postgresql", tmp_path) as url:
        stopped, other = Database(url), Database(url)
        with pytest.raises(Unavailable, match="does not answer"):
            async with stopped.writing() as connection:
                await connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
                async with other.writing() as waiting:
                    await waiting.execute(text("SELECT pg_advisory_xact_lock(1)"))
                await connection.execute(text("SELECT 1"))
        await stopped.close()
        await other.close()


@pytest.mark.parametrize(
    ("sqlstate", "away"),
    [
        ("57P03", True),
        ("57P01", True),
        ("25P03", True),
        ("08006", True),
        ("53300", True),
        ("42601", False),
        ("57014", False),
    ],
)
async def test_what_the_server_says_of_itself_may_pass(sqlite: Database, sqlstate: str, away: bool) -> None:
    expected = pytest.raises(Unavailable) if away else pytest.raises(DBAPIError)
    with expected:
        async with sqlite.reading():
            raise DBAPIError("SELECT 1", None, Said(sqlstate))
