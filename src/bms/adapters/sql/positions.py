"""`Positions` on SQL: how far the gateways of each control process have come."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bms.adapters.sql.engine import Database
from bms.adapters.sql.tables.events import gateway_positions as rows
from bms.core.clock import Clock


class SqlPositions:
    """Expiry is by the clock that is passed in, as for leases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, process: str, position: int, ttl_s: float) -> Mapping[str, int]:
        said = {"position": position, "expires_at": self._clock.now() + timedelta(seconds=ttl_s)}
        async with self._database.writing() as connection:
            changed = update(rows).where(rows.c.process == process).values(**said)
            if (await connection.execute(changed)).rowcount == 0:
                await connection.execute(insert(rows).values(process=process, **said))
            return await self._others(connection, process)

    async def others(self, process: str) -> Mapping[str, int]:
        async with self._database.reading() as connection:
            return await self._others(connection, process)

    async def drop(self, process: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(rows).where(rows.c.process == process))

    async def _others(self, connection: AsyncConnection, process: str) -> Mapping[str, int]:
        live = rows.c.expires_at > self._clock.now()
        query = select(rows.c.process, rows.c.position).where(live, rows.c.process != process)
        return {row.process: row.position for row in await connection.execute(query)}
