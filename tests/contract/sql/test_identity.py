"""A database belongs to one platform, whoever begins in it at once."""

import asyncio
from pathlib import Path

import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.identity import claim, platform_of
from bms.adapters.sql.database.migrate import upgrade
from bms.core.clock import ManualClock
from tests.worlds.databases import database_url


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_the_first_that_claims_a_database_has_it(kind: str, tmp_path: Path) -> None:
    now = ManualClock().now()
    async with database_url(kind, tmp_path) as url:
        databases = [Database(url) for _ in range(3)]
        assert await platform_of(databases[0]) is None, "there is no place for it yet"
        await upgrade(databases[0])
        assert await platform_of(databases[0]) is None
        told = await asyncio.gather(*(claim(each, f"platform_{n}", now) for n, each in enumerate(databases)))
        assert len(set(told)) == 1
        assert await platform_of(databases[0]) == told[0] == await claim(databases[0], "platform_9", now)
        for database in databases:
            await database.close()
