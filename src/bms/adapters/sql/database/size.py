"""How much room a database takes."""

from sqlalchemy import func, select

from bms.adapters.sql.database.engine import SQLITE, Database


class DatabaseSize:
    """`DatabaseMeter` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def size(self) -> int | None:
        if self._database.dialect == SQLITE:
            return None
        async with self._database.reading() as connection:
            query = select(func.pg_database_size(func.current_database()))
            return int((await connection.execute(query)).scalar_one())
