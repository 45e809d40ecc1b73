"""A home's books move from SQLite to PostgreSQL and back, every row of them, and count on where they were."""

from pathlib import Path

import pytest
from sqlalchemy import select

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tables import metadata
from bms.adapters.sql.tables.events import events
from bms.adapters.sql.tenants import SqlTenants
from bms.app.home.database import OWN, remember, remembered
from bms.app.home.database_move import ASIDE, look, move
from bms.app.home.directory import Home
from bms.app.home.opening import open_own
from bms.control.tenants.authentication import Authenticator
from bms.control.tenants.service import TenantService
from bms.core.access.principal import Principal
from bms.core.clock import SystemClock
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.worlds.databases import database_url
from tests.worlds.deployments import Registry
from tests.worlds.homes import prepare

BY = Principal(tenant="default", user="ann", key="k", role="owner", scopes=frozenset())


async def _begun(root: Path) -> str:
    """A home in use, with rows of many tables; its admin's key."""
    prepare(root)
    home = Home(root)
    database = Database(home.database_url)
    await open_own(database, root, OWN)
    made = await TenantService(SqlStore(database, SqlTenants), SystemClock(), home.pepper()).bootstrap()
    registry = Registry(database, SystemClock())
    await registry.add_model()
    await registry.add_version(1)
    await registry.point("production", 1)
    await database.close()
    remember(root, OWN)
    assert made is not None
    return made.key.text


async def _rows(url: str) -> dict[str, list[dict[str, object]]]:
    database = Database(url)
    try:
        async with database.reading() as connection:
            found = {}
            for table in metadata.sorted_tables:
                answer = await connection.execute(select(table).order_by(*table.primary_key))
                found[table.name] = [dict(row) for row in answer.mappings()]
            return found
    finally:
        await database.close()


async def test_every_row_goes_there_and_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "home"
    key = await _begun(root)
    before = await _rows(Home(root).database_url)
    assert {name for name, rows in before.items() if rows} >= {"platform", "tenants", "keys", "versions", "events"}
    async with database_url("postgresql", tmp_path) as url:
        copied = await move(root, url)
        assert copied == {name: len(rows) for name, rows in before.items()}
        assert remembered(root) == url
        assert (root / ASIDE).exists()
        assert not (root / "bms.db").exists()
        assert await _rows(url) == before
        database = Database(url)
        store, pepper = SqlStore(database, SqlTenants), Home(root).pepper()
        principal = await Authenticator(store, SystemClock(), pepper).principal(f"Bearer {key}")
        assert principal.role == "owner"
        await TenantService(store, SystemClock(), pepper).create_user(BY, "bob", "viewer")
        async with database.reading() as connection:
            numbers = (await connection.execute(select(events.c.number).order_by(events.c.number))).scalars().all()
        assert len(numbers) == len(set(numbers)) == len(before["events"]) + 1, "it counts on"
        await database.close()
        after = await _rows(url)
        with pytest.raises(InvalidArgument, match="already"):
            await move(root, url)
        await move(root, OWN)
        database = Database(url)
        with pytest.raises(
            FailedPrecondition, match=r"out of date: its rows were moved to the SQLite database in the home"
        ):
            await open_own(database, root, url)
        await database.close()
        with pytest.raises(FailedPrecondition, match="is not empty"):
            await move(root, url)
        assert await _rows(Home(root).database_url) == after
    assert look(root).database == "the SQLite database in the home"
    assert sorted(path.name for path in root.glob("bms.db*")) == ["bms.db", ASIDE]


async def test_nothing_is_written_over_and_a_refusal_changes_nothing(tmp_path: Path) -> None:
    for name in ("one", "two"):
        await _begun(tmp_path / name)
    other = Home(tmp_path / "two").database_url
    with pytest.raises(FailedPrecondition, match=r"two/bms\.db is not empty"):
        await move(tmp_path / "one", other)
    assert remembered(tmp_path / "one") == OWN
    assert (tmp_path / "one" / "bms.db").exists()
    with pytest.raises(NotFound, match="not the home of a platform that was started before"):
        await move(tmp_path / "nothing", other)
