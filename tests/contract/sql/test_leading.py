"""One process at a time leads a subject, on both databases; one that lost it without noticing writes nothing more."""

import asyncio
import threading

import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlLeases
from bms.adapters.sql.reactions import SqlReactions
from bms.adapters.sql.store import SqlStore
from bms.control.platform.leading import FOLLOW_S, LEASE_S, RENEW_S, Leadership
from bms.core.clock import ManualClock
from bms.core.errors import Aborted, Unavailable


class Leases(SqlLeases):
    """Leases whose store can be away; how often it was asked."""

    away = False
    asked = 0

    async def acquire(self, last, holder, ttl_s):  # type: ignore[no-untyped-def]
        self.asked += 1
        if self.away:
            raise Unavailable("the database is away")
        return await super().acquire(last, holder, ttl_s)


class World:
    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.clock = clock
        self.leases = Leases(database, clock)
        self.store = SqlStore(database, SqlReactions)

    def process(self, holder: str) -> Leadership:
        return Leadership(self.leases, self.clock, holder)


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock)


async def test_one_leads_for_as_long_as_it_asks_and_another_after_that(world: World) -> None:
    one, two = world.process("one").of("x"), world.process("two").of("x")
    for _ in range(10):
        assert (await one.lead(), await two.lead()) == (1, None)
        world.clock.advance(RENEW_S)
    world.clock.advance(LEASE_S)
    assert (one.token, await two.lead(), await one.lead()) == (None, 2, None)


async def test_who_does_not_lead_knows_that_another_does_as_long_as_it_may_be_so(world: World) -> None:
    one, two = world.process("one").of("x"), world.process("two").of("x")
    assert not two.elsewhere, "nobody was asked yet"
    await one.lead()
    await two.lead()
    world.clock.advance(RENEW_S)
    await one.lead()
    await two.lead()
    assert (one.elsewhere, two.elsewhere) == (False, True)
    world.clock.advance(LEASE_S)
    assert not two.elsewhere, "that was long ago"
    await two.lead()
    assert (two.token, two.elsewhere) == (2, False)


async def test_a_lease_that_nobody_renews_does_not_tell_that_somebody_leads(world: World) -> None:
    """Its holder was killed, or the store is one that was copied while it was in use."""
    await world.process("one").of("x").lead()
    two = world.process("two").of("x")
    while await two.lead() is None:
        assert not two.elsewhere
        world.clock.advance(FOLLOW_S)
    assert await world.process("three").of("x").lead() is None
    three = world.process("three").of("x")
    assert (await three.lead(), three.elsewhere) == (None, False), "seen once"
    world.clock.advance(LEASE_S)
    assert await world.process("four").of("x").lead() == 3
    assert (await three.lead(), three.elsewhere) == (None, True), "another one got it meanwhile"


async def test_one_write_renews_all_and_no_more_often_than_needed(world: World) -> None:
    process = world.process("one")
    leaders = [process.of(subject) for subject in "abc"]
    for _ in range(5):
        assert await asyncio.gather(*(leader.lead() for leader in leaders)) == [1, 1, 1]
    assert world.leases.asked == 1
    world.clock.advance(RENEW_S)
    assert [await leader.lead() for leader in leaders] == [1, 1, 1]
    assert world.leases.asked == 2


async def test_who_follows_asks_now_and_then(world: World) -> None:
    await world.process("one").of("x").lead()
    follower = world.process("two").of("x")
    for _ in range(3):
        assert await follower.lead() is None
    assert world.leases.asked == 2
    world.clock.advance(FOLLOW_S)
    await follower.lead()
    assert world.leases.asked == 3


async def test_subjects_are_led_apart(world: World) -> None:
    one, two = world.process("one"), world.process("two")
    assert await one.of("x").lead() == 1
    y = two.of("y")
    assert (await two.of("x").lead(), await y.lead()) == (None, 1)


async def test_who_gives_back_is_followed_at_once_and_asks_no_more(world: World) -> None:
    one, two = world.process("one"), world.process("two")
    x, y = one.of("x"), one.of("y")
    await x.lead()
    follower = two.of("x")
    assert await follower.lead() is None
    await x.resign()
    world.clock.advance(FOLLOW_S)
    assert (await follower.lead(), await x.lead(), await y.lead()) == (2, None, 1)


async def test_what_is_given_back_while_it_is_asked_for_stays_given_back(world: World) -> None:
    process = world.process("one")
    x, y = process.of("x"), process.of("y")
    await asyncio.gather(y.lead(), x.resign(), y.lead())
    assert (x.token, y.token, await world.process("two").of("x").lead()) == (None, 1, 2)


async def test_a_restart_takes_over_at_once_and_its_predecessor_leads_no_more(world: World) -> None:
    old = world.process("one").of("x")
    await old.lead()
    new = world.process("one").of("x")
    assert await new.lead() == 2
    for _ in range(5):
        world.clock.advance(RENEW_S)
        assert (await old.lead(), await new.lead()) == (None, 2)


async def test_who_leads_goes_on_while_the_store_is_away_until_its_lease_may_have_run_out(world: World) -> None:
    leader = world.process("one").of("x")
    await leader.lead()
    world.leases.away = True
    world.clock.advance(RENEW_S)
    with pytest.raises(Unavailable):
        await leader.lead()
    assert leader.token == 1
    world.clock.advance(LEASE_S - RENEW_S)
    assert leader.token is None


async def test_a_fence_stops_who_lost_it_unnoticed_and_makes_it_ask(world: World) -> None:
    old, new = world.process("one").of("x"), world.process("two").of("x")
    token = await old.lead()
    async with world.store.write() as tx:
        await old.fence(tx, token)
    world.clock.advance(LEASE_S)
    await new.lead()
    asked = world.leases.asked
    with pytest.raises(Aborted, match="another process leads"):
        async with world.store.write() as tx:
            await tx.keep_position("r", 7)
            await old.fence(tx, token)
    async with world.store.read() as tx:
        assert await tx.position("r") == 0
    assert (await old.lead(), world.leases.asked) == (None, asked + 1)
    with pytest.raises(Aborted, match="does not lead 'x'"):
        async with world.store.write() as tx:
            await old.fence(tx, None)


async def test_it_is_renewed_however_busy_the_threads_of_the_process_are(world: World) -> None:
    """Files are unpacked and looked through in them."""
    release = threading.Event()
    busy = [asyncio.create_task(asyncio.to_thread(release.wait, 60)) for _ in range(100)]
    try:
        leader = world.process("one").of("x")
        for _ in range(3):
            leading = asyncio.create_task(leader.lead())
            await asyncio.wait([leading], timeout=20)
            assert leading.done()
            assert leading.result() == 1
            world.clock.advance(RENEW_S)
        assert world.leases.asked == 3
    finally:
        release.set()
        await asyncio.gather(*busy)
