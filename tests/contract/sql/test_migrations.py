"""Migrations make exactly the schema that the code describes, on both databases, once."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bms.adapters.sql.database import steps as stepping
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.migrate import NewerSchema, steps, upgrade
from bms.adapters.sql.tables import metadata
from bms.core.errors import FailedPrecondition
from tests.worlds.databases import database_url

BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def _difference(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


@BOTH
async def test_migrated_is_what_the_code_describes(kind: str, tmp_path: Path) -> None:
    async with database_url(kind, tmp_path) as url:
        database = Database(url)
        await upgrade(database)
        await upgrade(database)
        async with database.engine.connect() as connection:
            assert await connection.run_sync(_difference) == []
        await database.close()


async def test_a_start_that_finds_the_newest_schema_does_not_wait_for_alembic(tmp_path: Path) -> None:
    async with database_url("sqlite", tmp_path) as url:
        database = Database(url)
        await upgrade(database)
        async with database.engine.connect() as connection:
            script = ScriptDirectory.from_config(await connection.run_sync(stepping.config))
            assert steps() == sorted(step.revision for step in script.walk_revisions())
            assert steps()[-1] == script.get_current_head()
        await database.close()
        again = (
            "import asyncio, sys; from bms.adapters.sql.database import migrate; "
            "from bms.adapters.sql.database.engine import Database; "
            f"asyncio.run(migrate.upgrade(Database({url!r}))); print('alembic' in sys.modules)"
        )
        ended = subprocess.run([sys.executable, "-c", again], capture_output=True, text=True, check=True, timeout=60)
        assert ended.stdout.strip() == "False"


@BOTH
async def test_two_that_start_at_once_migrate_once(kind: str, tmp_path: Path) -> None:
    async with database_url(kind, tmp_path) as url:
        databases = [Database(url) for _ in range(3)]
        await asyncio.gather(*map(upgrade, databases))
        async with databases[0].engine.connect() as connection:
            steps = (await connection.execute(text("SELECT count(*) FROM alembic_version"))).scalar()
            assert steps == 1
            assert await connection.run_sync(_difference) == []
        for database in databases:
            await database.close()


@BOTH
async def test_a_newer_schema_is_refused_and_left_alone(kind: str, tmp_path: Path) -> None:
    async with database_url(kind, tmp_path) as url:
        database = Database(url)
        await upgrade(database)
        async with database.engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(NewerSchema, match="newer BMS"):
            await upgrade(database)
        async with database.engine.connect() as connection:
            assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar() == "9999"
        await database.close()


async def test_a_foreign_database_is_not_touched(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db")
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE tenants (a int)"))
    with pytest.raises(FailedPrecondition, match="not ours"):
        await upgrade(database)
    await database.close()
