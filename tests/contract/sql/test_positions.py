"""Positions survive and do not mix."""

from bms.adapters.sql.engine import Database
from bms.adapters.sql.positions import SqlPositions


async def test_a_position_is_kept_per_reader(database: Database) -> None:
    positions = SqlPositions(database)
    assert await positions.position("a") == 0
    await positions.keep("a", 3)
    await positions.keep("a", 7)
    await positions.keep("b", 1)
    assert (await positions.position("a"), await positions.position("b")) == (7, 1)
