"""`Positions` on SQL: how far the gateways of each control process have come."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, Result, Select, delete, insert, select, update

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.tables.events import gateway_positions as rows
from bms.core.clock import Clock


class SqlPositions:
    """Expiry is by the clock that is passed in, as for leases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, process: str, position: int, ttl_s: float) -> Mapping[str, int]:
        now = self._clock.now()
        said = {"position": position, "expires_at": now + timedelta(seconds=ttl_s)}

        def kept(connection: Connection) -> Mapping[str, int]:
            changed = update(rows).where(rows.c.process == process).values(**said)
            if connection.execute(changed).rowcount == 0:
                connection.execute(insert(rows).values(process=process, **said))
            return _others(connection.execute(_live(process, now)))

        return await self._database.write_at_once(kept)

    async def others(self, process: str) -> Mapping[str, int]:
        async with self._database.reading() as connection:
            return _others(await connection.execute(_live(process, self._clock.now())))

    async def drop(self, process: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(rows).where(rows.c.process == process))


def _live(process: str, now: datetime) -> Select[tuple[str, int]]:
    """Of all but this one."""
    return select(rows.c.process, rows.c.position).where(rows.c.expires_at > now, rows.c.process != process)


def _others(found: Result[tuple[str, int]]) -> Mapping[str, int]:
    return {row.process: row.position for row in found}
