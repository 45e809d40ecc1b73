"""What attempts of jobs hold is counted from the start of their process to its end, and what they leave, as bytes."""

from pathlib import Path

import pytest
from sqlalchemy import delete, update

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.stray_allotments import SqlStrayAllotments
from bms.adapters.sql.tables.allotments import allotments
from bms.adapters.sql.tables.jobs import jobs
from bms.adapters.sql.usage import SqlUsage
from bms.control.billing.nouns import UsageFilter
from bms.control.billing.service import UsageService
from bms.control.billing.sweep import AllotmentSweep
from bms.core.clock import ManualClock
from bms.core.errors import ResourceExhausted
from bms.core.workloads.resources import Resources
from tests.worlds.jobs import World, add_tenant

GIVEN = Resources(cpu=2, memory=2**30)
GOOD = {"state": "succeeded"}


@pytest.fixture
async def world(database: Database, tmp_path: Path, clock: ManualClock) -> World:
    await add_tenant(database, clock)
    return World(database, tmp_path, clock)


@pytest.fixture
def usage(database: Database, clock: ManualClock) -> UsageService:
    return UsageService(SqlStore(database, SqlUsage), clock)


async def used(usage: UsageService) -> dict[str, int]:
    (row,) = await usage.sums("acme", UsageFilter())
    return row.quantities


async def open_subjects(usage: UsageService) -> set[str]:
    async with usage._store.read() as tx:
        return {one.subject for one in await tx.unbooked("acme") if one.closed_at is None}


async def test_each_attempt_holds_what_it_was_given_while_it_runs(world: World, usage: UsageService) -> None:
    job = await world.submit(resources=GIVEN, max_attempts=2)
    world.environments.gate.clear()  # while its environment is built it holds nothing yet
    scheduler = world.scheduler()
    await scheduler.step()
    world.clock.advance(30)
    assert await used(usage) == {}
    world.environments.gate.set()
    await scheduler.idle()
    assert await open_subjects(usage) == {f"{job.id}-a1"}
    world.clock.advance(10)
    assert await used(usage) == {"job_ms": 10_000, "job_cpu_ms": 20_000, "job_memory_mib_s": 10 * 1024}
    world.cluster.end(f"{job.id}-a1", exit_code=1)
    await scheduler.step()
    await scheduler.idle()
    assert await open_subjects(usage) == set()
    world.clock.advance(60)
    assert (await used(usage))["job_ms"] == 10_000
    await scheduler.step()
    await scheduler.idle()
    assert await open_subjects(usage) == {f"{job.id}-a2"}
    world.clock.advance(5)
    await world.service.cancel("acme", "ann", job.id)
    again = world.scheduler()  # control was killed meanwhile
    for _ in range(4):
        await again.step()
        await again.idle()
    assert (await world.get(job)).state == "cancelled"
    world.clock.advance(60)
    assert (await used(usage))["job_ms"] == 15_000


async def test_without_room_nothing_is_held(world: World, usage: UsageService, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_given: object) -> None:
        raise ResourceExhausted("no room")

    job = await world.submit(resources=GIVEN)
    scheduler = world.scheduler()
    with monkeypatch.context() as patched:
        patched.setattr(world.cluster, "start", full)
        await scheduler.step()
        await scheduler.idle()
    world.clock.advance(60)
    assert (await used(usage), (await world.get(job)).state) == ({}, "queued")
    await scheduler.step()
    await scheduler.idle()
    world.clock.advance(1)
    assert (await used(usage))["job_ms"] == 1000


async def test_an_output_is_stored_but_for_what_a_version_is_made_of(world: World, usage: UsageService) -> None:
    scheduler = world.scheduler()
    made = {"model/weights": b"x" * 1000, "notes.txt": b"n" * 7}
    for spec in ({"model": True}, {}, {"kind": "import"}):
        job = await world.submit(**spec)
        await scheduler.step()
        await scheduler.idle()
        world.cluster.end(f"{job.id}-a1", result=GOOD, output=made)
        await scheduler.step()
        await scheduler.idle()
        assert (await world.get(job)).state == "succeeded"
    world.clock.advance(10)
    assert await used(usage) == {"storage_byte_s": 10 * (7 + 1007)}


async def test_the_sweep_finds_attempts_that_run_without_and_allotments_of_ended_ones(
    world: World, usage: UsageService, database: Database, clock: ManualClock
) -> None:
    sweep = AllotmentSweep(SqlStore(database, SqlStrayAllotments), clock)
    job = await world.submit(resources=GIVEN)
    scheduler = world.scheduler()
    await scheduler.step()
    await scheduler.idle()
    assert await sweep.step() == (0, 0)
    async with database.writing() as connection:
        await connection.execute(delete(allotments))
    assert await sweep.step() == (1, 0)
    clock.advance(3)
    assert (await used(usage))["job_cpu_ms"] == 6000
    async with database.writing() as connection:
        await connection.execute(update(jobs).where(jobs.c.id == job.id).values(state="lost"))
    assert await sweep.step() == (0, 1)
    assert await open_subjects(usage) == set()
