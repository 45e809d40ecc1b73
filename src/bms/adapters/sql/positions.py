"""How far each reader of the event log has come."""

from sqlalchemy import insert, select, update

from bms.adapters.sql.engine import Database
from bms.adapters.sql.tables.events import positions


class SqlPositions:
    """`Positions` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def position(self, reader: str) -> int:
        async with self._database.reading() as connection:
            query = select(positions.c.number).where(positions.c.reader == reader)
            return (await connection.execute(query)).scalar() or 0

    async def keep(self, reader: str, number: int) -> None:
        async with self._database.writing() as connection:
            done = await connection.execute(update(positions).where(positions.c.reader == reader).values(number=number))
            if done.rowcount == 0:
                await connection.execute(insert(positions).values(reader=reader, number=number))
