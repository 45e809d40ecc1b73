"""What is wrong with a database is told in one sentence, with its place and without its password."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from bms.adapters.sql.database.opening import greet, open_database
from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument, Unavailable
from tests.worlds.databases import database_url


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_one_that_answers_is_greeted(kind: str, tmp_path: Path) -> None:
    async with database_url(kind, tmp_path) as url:
        database = open_database(url)
        await greet(database, "it")
        await database.close()


async def test_one_that_its_server_does_not_have_is_named(tmp_path: Path) -> None:
    async with database_url("postgresql", tmp_path) as url:
        database = open_database(url.replace("/test_", "/no_such_"))
        with pytest.raises(FailedPrecondition, match=r"^the books can't be used: database \"no_such_.*does not exist$"):
            await greet(database, "the books")
        await database.close()


async def test_one_that_is_full_for_now_may_be_asked_again(tmp_path: Path) -> None:
    async with database_url("postgresql", tmp_path) as url:
        owner = open_database(url)
        async with owner.writing() as connection:
            await connection.execute(text("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0"))
        try:
            database = open_database(url.replace("postgres:@", "crowded:@"))
            with pytest.raises(Unavailable, match=r"^the books can't be used now: .*too many connections"):
                await greet(database, "the books")
            await database.close()
        finally:
            async with owner.writing() as connection:
                await connection.execute(text("DROP ROLE crowded"))
            await owner.close()


@pytest.mark.parametrize(
    ("url", "kind", "says"),
    [
        ("postgresql://u:s3cret@127.0.0.1:1/x", Unavailable, "^it does not answer: is it running, and reachable"),
        ("postgresql://u:s3cret@no-such.invalid/x", Unavailable, "^it does not answer"),
        ("sqlite:////no/such/folder/bms.db", FailedPrecondition, "^it can't be used: unable to open database file$"),
        (
            "postgresql://u:s3cret@127.0.0.1:port/x",
            InvalidArgument,
            "can't be read: expected postgresql://USER.*, in the password %40 for @",
        ),
        *(
            (f"postgresql://u:s3{character}cret@127.0.0.1/x", InvalidArgument, "must be percent-encoded: %2F for /")
            for character in "/?#["
        ),
        ("mysql://u:s3cret@127.0.0.1/x", InvalidArgument, "scheme 'mysql' is not supported"),
    ],
)
async def test_one_that_can_not_be_used_says_why(url: str, kind: type[BmsError], says: str) -> None:
    with pytest.raises(kind, match=says) as refused:
        database = open_database(url)
        try:
            await greet(database, "it")
        finally:
            await database.close()
    assert "s3cret" not in refused.value.message


def test_a_driver_that_is_not_installed_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(FailedPrecondition, match=r"driver \(.*asyncpg.*pip install 'bms\[postgres\]'"):
        open_database("postgresql://u:p@127.0.0.1/x")
