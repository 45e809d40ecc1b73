"""The scheduler does nothing while nothing happens, and is there when something does, or when it is time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog
from bms.adapters.sql.tables.jobs import jobs
from bms.control.jobs import pace
from bms.control.jobs.events import JobStarted
from bms.control.jobs.nouns import Job
from bms.control.jobs.scheduler import Scheduler
from bms.control.models.events import VersionReady
from bms.control.platform.leading import FOLLOW_S, LEASE_S
from bms.core.clock import ManualClock, SystemClock
from bms.core.events import Event
from tests.worlds.jobs import World, add_tenant

GOOD = {"state": "succeeded"}
IDLE_S = 1.5  # longer than steps used to be apart


class Running:
    """A scheduler's loop, and how many steps it has made."""

    def __init__(self, world: World, database: Database) -> None:
        self.world = world
        self.scheduler: Scheduler = world.scheduler()
        self.steps = 0
        self._step = self.scheduler.step
        self.scheduler.step = self._counted  # type: ignore[method-assign]
        self.loop = asyncio.create_task(self.scheduler.run(SqlEventLog(database)))

    async def _counted(self) -> None:
        self.steps += 1
        await self._step()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await holds():
                await asyncio.sleep(0.01)

    async def state(self, job: Job, state: str) -> None:
        async def holds() -> bool:
            return (await self.world.get(job)).state == state

        await self.until(holds)

    async def rests(self) -> None:
        async with asyncio.timeout(20):
            seen = -1
            while seen != self.steps:
                seen = self.steps
                await asyncio.sleep(0.8)


@asynccontextmanager
async def _running(database: Database, folder: Path) -> AsyncIterator[Running]:
    clock = SystemClock()
    await add_tenant(database, clock)  # type: ignore[arg-type]
    running = Running(World(database, folder, clock), database)  # type: ignore[arg-type]
    try:
        await running.rests()
        yield running
    finally:
        running.loop.cancel()
        await asyncio.gather(running.loop, return_exceptions=True)


async def test_without_jobs_it_makes_no_step_and_starts_one_at_once(sqlite: Database, tmp_path: Path) -> None:
    async with _running(sqlite, tmp_path) as running:
        before = running.steps
        await asyncio.sleep(IDLE_S)
        assert running.steps == before
        job = await running.world.submit()
        await running.state(job, "running")


async def test_while_a_job_runs_its_progress_is_shown_without_a_step(sqlite: Database, tmp_path: Path) -> None:
    async with _running(sqlite, tmp_path) as running:
        job = await running.world.submit()
        await running.state(job, "running")
        await running.rests()
        before = running.steps
        running.world.cluster.write(f"{job.id}-a1", "events.jsonl", '{"at": 5, "progress": 0.5}\n')

        async def shown() -> bool:
            return (await running.world.get(job)).progress == 0.5

        await running.until(shown)
        await asyncio.sleep(IDLE_S / 2)
        assert running.steps == before
        running.world.cluster.end(f"{job.id}-a1", result=GOOD)
        await running.state(job, "succeeded")


async def test_events_of_other_things_make_no_step(sqlite: Database, tmp_path: Path) -> None:
    async with _running(sqlite, tmp_path) as running:
        before = running.steps
        async with running.world.store.write() as tx:
            for payload in (VersionReady(model="m", number=1), JobStarted(kind="verify", subject="", attempt=1)):
                await tx.emit(Event(payload=payload, tenant="acme", subject="s", actor="a", at=SystemClock().now()))
        await asyncio.sleep(0.6)
        assert running.steps == before


async def test_a_job_over_its_time_is_stopped_when_its_time_is_up(sqlite: Database, tmp_path: Path) -> None:
    async with _running(sqlite, tmp_path) as running:
        job = await running.world.submit(timeout_s=3.0)
        await running.state(job, "running")
        await running.state(job, "failed")
        assert "3 s" in (await running.world.get(job)).error


async def test_a_job_that_waits_for_its_time_starts_when_it_has_come(sqlite: Database, tmp_path: Path) -> None:
    async with _running(sqlite, tmp_path) as running:
        running.loop.cancel()
        await asyncio.gather(running.loop, return_exceptions=True)
        job = await running.world.submit()
        async with sqlite.writing() as connection:
            soon = SystemClock().now() + timedelta(seconds=2)
            await connection.execute(update(jobs).where(jobs.c.id == job.id).values(run_at=soon))
        again = Running(running.world, sqlite)
        try:
            await again.state(job, "running")
            assert SystemClock().now() >= soon
            assert again.steps < 8
        finally:
            again.loop.cancel()
            await asyncio.gather(again.loop, return_exceptions=True)


async def test_the_next_step_is_when_only_time_brings_something_about(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    await add_tenant(database, clock)
    world, now = World(database, tmp_path, clock), clock.now()
    one, two = world.scheduler("one"), world.scheduler("two")
    await one.step()
    assert one._due == now + timedelta(seconds=pace.NET_S)
    job = await world.submit(timeout_s=7.0)
    await world.rounds(one, 3)
    started = (await world.get(job)).started_at
    assert started is not None
    assert one._due == started + timedelta(seconds=7)
    await two.step()
    assert two._due == clock.now() + timedelta(seconds=FOLLOW_S), "another one leads"
    clock.advance(LEASE_S)
    await world.rounds(two, 6)  # takes over the job, whose time is up
    later = await world.submit()
    async with database.writing() as connection:
        at = clock.now() + timedelta(seconds=3)
        await connection.execute(update(jobs).where(jobs.c.id == later.id).values(run_at=at))
    await two.step()
    assert two._due == clock.now() + timedelta(seconds=3)


@pytest.mark.parametrize(("name", "does"), [("job.submitted", True), ("job.started", False), ("version.ready", False)])
def test_what_wakes(name: str, does: bool) -> None:
    assert pace.wakes(name) is does
