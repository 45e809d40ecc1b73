"""Events, leases and kept replies keep their contracts on both databases."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import event

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog, SqlLeases
from bms.adapters.sql.replies import SqlReplies
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.core.clock import ManualClock
from bms.core.errors import Aborted, InvalidArgument
from bms.core.events import Event, Payload, recorded
from tests.cancelling import PLANS, Plan, every_await


class One(Payload, frozen=True, kw_only=True):
    """The first thing that happened."""

    EVENT = "a.one"
    VERSION = 3
    n: int = 0
    ok: bool = False


class Two(One, frozen=True, kw_only=True):
    """The second."""

    EVENT = "b.two"


def _event(clock: ManualClock, kind: type[One] = One) -> Event[One]:
    return Event(payload=kind(n=1, ok=True), tenant="t", subject="s", actor="a", at=clock.now())


async def test_events_are_kept_with_their_change_and_read_in_order(database: Database, clock: ManualClock) -> None:
    store, log = SqlStore(database, SqlTenants), SqlEventLog(database)
    async with store.write() as tx:
        await tx.emit(_event(clock))
        await tx.emit(_event(clock, Two))
    with pytest.raises(RuntimeError):
        async with store.write() as tx:
            await tx.emit(_event(clock))
            raise RuntimeError
    found = await log.since(0)
    assert [event for _, event in found] == [recorded(_event(clock)), recorded(_event(clock, Two))]
    assert [(event.name, event.version, event.details) for _, event in found] == [
        ("a.one", 3, {"n": 1, "ok": True}),
        ("b.two", 3, {"n": 1, "ok": True}),
    ]
    assert await log.since(found[0][0]) == found[1:]
    assert await log.last() == found[-1][0]


async def test_waiting_ends_when_an_event_is_committed(database: Database, clock: ManualClock) -> None:
    store, log = SqlStore(database, SqlTenants), SqlEventLog(database)
    waiting = asyncio.create_task(log.wait(0, 30))
    await asyncio.sleep(0)
    async with store.write() as tx:
        await tx.emit(_event(clock))
    assert await asyncio.wait_for(waiting, 10) == 1
    assert await log.wait(1, 0.01) == 1


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_waiting_may_be_cancelled_at_every_await(database: Database, clock: ManualClock, plan: Plan) -> None:
    """Also when an event comes at that moment: who was to end must not go on."""
    store, log = SqlStore(database, SqlTenants), SqlEventLog(database)
    number, coming = 0, None

    async def write() -> None:
        async with store.write() as tx:
            await tx.emit(_event(clock))

    async def wait(_number: int) -> None:
        await log.wait(number, 30)

    async def comes(_number: int, _cancelled: bool) -> None:
        nonlocal number, coming
        await coming if coming is not None else None
        number, coming = await log.last(), asyncio.create_task(write())

    await comes(0, False)
    assert await every_await(wait, plan, comes) > 3
    assert coming is not None
    await coming


async def test_however_many_wait_the_database_is_asked_once_for_all(sqlite: Database) -> None:
    asked: Counter[str] = Counter()
    event.listen(sqlite.engine.sync_engine, "before_cursor_execute", lambda *told: asked.update([told[2].split()[0]]))
    log = SqlEventLog(sqlite)
    assert await asyncio.gather(*(log.wait(0, 0.3) for _ in range(50))) == [0] * 50
    assert 1 <= asked["SELECT"] < 5


async def test_what_this_process_commits_is_seen_at_once_however_often_it_is_asked_for(
    sqlite: Database, clock: ManualClock
) -> None:
    store, log = SqlStore(sqlite, SqlTenants), SqlEventLog(sqlite)
    for number in range(1, 4):
        assert (await log.last(), await log.since(number - 1)) == (number - 1, [])
        async with store.write() as tx:
            await tx.emit(_event(clock))
        assert await log.last() == number
        assert [one for one, _ in await log.since(number - 1)] == [number]


async def test_a_lease_has_one_holder_and_rising_tokens(database: Database, clock: ManualClock) -> None:
    leases = SqlLeases(database, clock)
    assert (await leases.acquire({"x": None}, "a", 10)).held == {"x": 1}
    assert (await leases.acquire({"x": None}, "b", 10)).held == {}
    clock.advance(9)
    assert (await leases.acquire({"x": 1}, "a", 10)).held == {"x": 1}, "renewed in time: the same token"
    clock.advance(11)
    assert (await leases.acquire({"x": None}, "b", 10)).held == {"x": 2}
    assert (await leases.acquire({"x": 1}, "a", 10)).held == {}
    await leases.release({"x": 1})
    assert (await leases.acquire({"x": 1}, "a", 10)).held == {}, "only who has the newest token can release"
    await leases.release({"x": 2})
    assert (await leases.acquire({"x": 1}, "a", 10)).held == {"x": 3}


async def test_a_lease_that_ran_out_comes_back_with_another_token(database: Database, clock: ManualClock) -> None:
    leases = SqlLeases(database, clock)
    await leases.acquire({"x": None}, "a", 10)
    clock.advance(10)
    assert (await leases.acquire({"x": 1}, "a", 10)).held == {"x": 2}


async def test_who_restarts_takes_over_at_once_and_who_was_before_loses(database: Database, clock: ManualClock) -> None:
    leases = SqlLeases(database, clock)
    await leases.acquire({"x": None}, "a", 10)
    assert (await leases.acquire({"x": None}, "a", 10)).held == {"x": 2}
    assert (await leases.acquire({"x": 1}, "a", 10)).held == {}
    assert (await leases.acquire({"x": 2}, "a", 10)).held == {"x": 2}


async def test_each_lease_is_got_by_itself(database: Database, clock: ManualClock) -> None:
    leases = SqlLeases(database, clock)
    assert (await leases.acquire({"x": None}, "a", 10)).held == {"x": 1}
    assert (await leases.acquire({"x": None, "y": None}, "b", 10)).held == {"y": 1}
    assert (await leases.acquire({"x": 1, "y": None}, "a", 10)).held == {"x": 1}


async def test_two_who_race_for_a_lease_never_both_get_it(database: Database, clock: ManualClock) -> None:
    leases = SqlLeases(database, clock)
    got = await asyncio.gather(*(leases.acquire({"x": None, "y": None}, f"h{index}", 10) for index in range(8)))
    assert sorted([name for each in got for name in each.held]) == ["x", "y"]


async def test_a_reply_is_kept_once_per_key(database: Database, clock: ManualClock) -> None:
    replies = SqlReplies(database, clock)
    assert await replies.begin("t", "k", "f") is None
    with pytest.raises(Aborted):
        await replies.begin("t", "k", "f")
    await replies.finish("t", "k", 201, b"{}")
    assert await replies.begin("t", "k", "f") == (201, b"{}")
    with pytest.raises(InvalidArgument):
        await replies.begin("t", "k", "other")
    assert await replies.begin("t2", "k", "f") is None, "tenants do not share keys"
    await replies.abandon("t2", "k")
    assert await replies.begin("t2", "k", "f") is None
    clock.advance(25 * 3600)
    assert await replies.begin("t", "k", "f") is None, "kept for a day"
