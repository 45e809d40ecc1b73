"""What replicas hold is counted from the start of their process to their end, whoever is killed in between."""

from collections import Counter
from random import Random

import msgspec
import pytest
from sqlalchemy import delete, update

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.stray_allotments import SqlStrayAllotments
from bms.adapters.sql.tables.allotments import allotments
from bms.adapters.sql.tables.deployments import replicas
from bms.adapters.sql.usage import SqlUsage
from bms.control.billing.booking import AllotmentBilling
from bms.control.billing.nouns import UsageFilter
from bms.control.billing.service import UsageService
from bms.control.billing.sweep import AllotmentSweep
from bms.control.deployments.reconciliation.reconciler import SUBJECT
from bms.core.clock import ManualClock
from bms.core.workloads.resources import Resources
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal

BY = principal()
GIVEN = Resources(cpu=0.5, memory=2**20 * 300 + 1)


class World:
    def __init__(self, database: Database, clock: ManualClock, deployed: Deployed) -> None:
        self.database = database
        self.clock = clock
        self.deployed = deployed
        self.store = SqlStore(database, SqlUsage)
        self.usage = UsageService(self.store, clock)
        self.booking = AllotmentBilling(self.store, clock)
        self.sweep = AllotmentSweep(SqlStore(database, SqlStrayAllotments), clock)

    async def used(self, **wanted: object) -> dict[str, int]:
        (row,) = await self.usage.sums("default", UsageFilter(**wanted))  # type: ignore[arg-type]
        return row.quantities

    async def open(self) -> set[str]:
        async with self.store.read() as tx:
            return {one.subject for one in await tx.unbooked("default") if one.closed_at is None}

    async def live(self) -> set[str]:
        return {one.id for one in await self.deployed.replicas() if one.state in ("ready", "draining")}


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock, await Deployed(database, clock, ObedientCluster(clock)).start())


async def test_a_replica_holds_what_it_was_given_from_its_start_to_its_end(world: World) -> None:
    await world.deployed.service.create(BY, "digits", follow(replicas=2, resources=GIVEN))
    await world.deployed.settle()
    assert len(await world.open()) == 2
    world.clock.advance(100)
    expected = {"replica_ms": 200_000, "replica_cpu_ms": 100_000, "replica_memory_mib_s": 2 * 301 * 100}
    assert await world.used(version=1) == expected
    rows = await world.usage.sums("default", UsageFilter(), ("deployment", "model", "version"))
    (deployment,) = {replica.deployment for replica in await world.deployed.replicas()}
    assert [(row.deployment, row.model, row.version) for row in rows] == [(deployment, "m", 1)]
    await world.deployed.service.stop(BY, "digits")
    await world.deployed.settle()
    assert await world.open() == set()
    world.clock.advance(100)
    assert await world.used() == expected
    await world.booking.step()
    assert await world.used() == expected


async def test_a_replica_that_could_not_be_started_holds_nothing_any_more(world: World) -> None:
    world.deployed.cluster.full = True
    await world.deployed.service.create(BY, "digits", follow())
    for _ in range(6):
        await world.deployed.step()
    assert {replica.state for replica in await world.deployed.replicas()} == {"failed"}
    world.clock.advance(100)
    assert (await world.open(), await world.used()) == (set(), {})


async def test_whatever_is_killed_what_is_counted_is_what_was_there(world: World) -> None:
    random = Random(5)
    await world.deployed.service.create(BY, "digits", follow(replicas=2))
    held = 0
    for _ in range(60):
        match random.choice(["step", "step", "step", "crash", "restart", "switch", "book"]):
            case "crash" if running := [*world.deployed.cluster.running(1), *world.deployed.cluster.running(2)]:
                world.deployed.cluster.end(random.choice(running), 1)
            case "restart":  # of control: all that it had in memory is gone
                world.deployed = world.deployed.again()
            case "switch":
                await world.deployed.registry.point("production", random.choice([1, 2]))
            case "book":
                await world.booking.step()
        await world.deployed.step()
        open_now = await world.open()
        assert await world.live() <= open_now
        seconds = random.choice([1, 7, 1800])
        world.clock.advance(seconds)
        held += len(open_now) * seconds
        assert (await world.used()).get("replica_ms", 0) == held * 1000
    await world.booking.step()
    assert (await world.used())["replica_ms"] == held * 1000
    events = [one async for batch in world.usage.all_events("default", UsageFilter()) for one in batch]
    assert all(count == 1 for count in Counter((one.request_id, one.at) for one in events).values())


@pytest.mark.parametrize("how", ["stopped", "killed", "led by another"])
async def test_a_platform_that_is_down_holds_nothing_but_what_runs_on(world: World, how: str) -> None:
    await world.deployed.service.create(BY, "digits", follow(replicas=2))
    await world.deployed.settle()
    ended, lives = sorted(await world.live())
    world.clock.advance(100)
    await world.deployed.reconciler.step()  # renews its lease
    if how == "stopped":
        await world.deployed.reconciler.close()
    world.deployed.cluster.end(ended, None)
    world.clock.advance(0 if how == "led by another" else 60_000)
    holder = "other" if how == "led by another" else "control"
    closed = await world.sweep.after_start([lives], SUBJECT, holder)
    assert closed == (0 if how == "led by another" else 1)
    world.deployed = world.deployed.again()
    await world.deployed.settle()
    assert lives in await world.open()
    assert len(await world.live()) == 2
    await world.booking.step()
    events = [one async for batch in world.usage.all_events("default", UsageFilter()) for one in batch]
    held = {"stopped": 100_000, "killed": 110_000, "led by another": 100_000}[how]
    assert sum((one.until - one.at) // 10**6 for one in events if one.request_id == ended) == held
    if how != "led by another":
        assert sum((one.until - one.at) // 10**6 for one in events if one.request_id == lives) >= 57_600_000


async def test_where_nobody_ever_led_nothing_is_ended(world: World) -> None:
    assert await world.sweep.after_start([], SUBJECT, "control") == 0


async def test_the_sweep_gives_what_runs_already_an_allotment_and_ends_what_was_left_open(world: World) -> None:
    await world.deployed.service.create(BY, "digits", follow(replicas=2, resources=GIVEN))
    await world.deployed.settle()
    assert await world.sweep.step() == (2, 0)  # the versions' bytes: put there without
    assert await world.sweep.step() == (0, 0)
    async with world.database.writing() as connection:  # as a former release had started them
        await connection.execute(delete(allotments))
    world.clock.advance(50)
    assert await world.sweep.step() == (4, 0)
    world.clock.advance(10)
    assert (await world.used(version=1))["replica_cpu_ms"] == 2 * 10 * 500
    (one, other) = sorted(await world.live())
    async with world.database.writing() as connection:  # as a former release would have ended one
        await connection.execute(update(replicas).where(replicas.c.id == one).values(state="stopped"))
    assert await world.sweep.step() == (0, 1)
    assert other in await world.open()
    assert one not in await world.open()
    async with world.deployed.registry.store.write() as tx:
        version = await tx.version("default", "m", 2)
        assert version is not None
        await tx.save_version(msgspec.structs.replace(version, state="deleted"))
    assert await world.sweep.step() == (0, 1)
