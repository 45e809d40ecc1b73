"""The identity of the platform that a database belongs to, stored in it."""

from datetime import datetime

from sqlalchemy import Connection, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.left import LEFT
from bms.adapters.sql.tables.platform import platform


async def platform_of(database: Database) -> str | None:
    """Reads the platform's identity, after `LEFT` where it has moved away; None where none is written, also before the
    schema has a place for it."""
    async with database.reading() as connection:
        return await connection.run_sync(_platform_of)


async def claim(database: Database, platform_id: str, now: datetime) -> str:
    """Writes the identity into a database that has none. Returns the one that it has then: of two platforms that begin
    in it at once, one."""
    try:
        async with database.writing() as connection:
            if (there := await connection.run_sync(_platform_of)) is not None:
                return there
            await connection.execute(insert(platform).values(row=1, id=platform_id, since=now))
            return platform_id
    except IntegrityError:
        async with database.reading() as connection:
            return await connection.run_sync(_platform_of) or platform_id


async def leave(database: Database) -> None:
    """Marks a database whose rows were moved to another, so that no home goes on with outdated data."""
    async with database.writing() as connection:
        await connection.execute(update(platform).values(id=LEFT + platform.c.id))


def _platform_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table(platform.name):
        return None
    found: str | None = connection.execute(select(platform.c.id)).scalar()
    return found
