"""Moves a home's data from one database to another: from SQLite to PostgreSQL as it grows, or back."""

from pathlib import Path

import msgspec

from bms.adapters.sql.database.copying import copy_rows
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.identity import leave, platform_of
from bms.adapters.sql.database.migrate import in_use, steps, upgrade
from bms.adapters.sql.database.opening import greet, open_database
from bms.app.home.database import OWN, identity, remember, remembered, shown
from bms.app.home.directory import Home
from bms.app.home.opening import open_own
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound

FILE, ASIDE, UNFINISHED = "bms.db", "bms.db.moved", "bms.db.moving"


class HomeDatabase(msgspec.Struct, frozen=True, kw_only=True):
    """A home's database as the home knows it. `database` shows no password; `schema` is this program's newest
    migration."""

    home: str
    database: str
    platform: str
    schema: str


def look(root: Path) -> HomeDatabase:
    """Reads which database a home has. Raises NotFound where `root` is no home, or its first start was never
    completed."""
    home, before = _home(root)
    return HomeDatabase(
        home=str(home.root), database=shown(before), platform=identity(home.root) or "", schema=steps()[-1]
    )


async def move(root: Path, target: str) -> dict[str, int]:
    """Copies every row to `target` (`OWN`: SQLite in the home), which the home remembers from then on; rows by table.

    The caller holds the home's lock. What there was is kept: a database elsewhere with a mark for which every home is
    refused that is told it, SQLite in the home as `bms.db.moved`. Raises FailedPrecondition unless the target
    is empty, and as opening a database does.
    """
    home, before = _home(root)
    if target == before:
        raise InvalidArgument(f"{home.root} is in use with {shown(target)} already: name another database")
    file, unfinished = home.root / FILE, home.root / UNFINISHED
    if target == OWN and file.exists():
        raise FailedPrecondition(f"{file} is there already: move it away, then repeat")
    _remove(unfinished)
    source = open_database(before or home.database_url)
    try:
        await greet(source, shown(before))
        await open_own(source, home.root, before)
        copied = await _fill(source, target or f"sqlite:///{unfinished}", shown(target))
        if target == OWN:
            unfinished.rename(file)
        remember(home.root, target)
        if before != OWN:
            await leave(source)
    finally:
        await source.close()
    if before == OWN:
        file.rename(home.root / ASIDE)
    return copied


async def _fill(source: Database, url: str, place: str) -> dict[str, int]:
    target = open_database(url)
    try:
        await greet(target, place)
        if await in_use(target) or await platform_of(target) is not None:
            raise FailedPrecondition(f"{place} is not empty: name a new one, nothing is written over")
        await upgrade(target)
        return await copy_rows(source, target)
    finally:
        await target.close()


def _home(root: Path) -> tuple[Home, str]:
    home = Home(root)
    before = remembered(home.root)
    if before is None:
        raise NotFound(f"{home.root} is not the home of a platform that was started before: name one by --home")
    return home, before


def _remove(path: Path) -> None:
    """Removes what an interrupted move left."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
