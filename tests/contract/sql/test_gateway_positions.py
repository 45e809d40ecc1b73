"""How far the gateways of each control process have come, on both databases."""

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.positions import SqlPositions
from bms.core.clock import ManualClock


async def test_each_process_sees_the_others_as_they_said_last(database: Database, clock: ManualClock) -> None:
    positions = SqlPositions(database, clock)
    assert await positions.keep("a", 5, 10) == {}
    assert await positions.keep("b", 7, 10) == {"a": 5}
    assert await positions.keep("a", -1, 10) == {"b": 7}, "a gateway came that has applied nothing yet"
    assert (await positions.others("b"), await positions.others("c")) == ({"a": -1}, {"a": -1, "b": 7})


async def test_who_is_silent_or_has_ended_counts_no_more(database: Database, clock: ManualClock) -> None:
    positions = SqlPositions(database, clock)
    await positions.keep("a", 5, 10)
    await positions.keep("b", 7, 10)
    await positions.drop("b")
    assert await positions.others("c") == {"a": 5}
    clock.advance(10)
    assert await positions.others("c") == {}
    assert await positions.keep("a", 6, 10) == {}
    assert await positions.others("c") == {"a": 6}
