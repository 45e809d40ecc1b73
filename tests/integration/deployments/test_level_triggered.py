"""Loops that act on rows go on where no event tells of a change: queued jobs start, deployments get their replicas, and
replicas of no deployment end."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import delete

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.tables.events import events
from bms.control.deployments.reconciliation.work_queue import EVERYTHING_S
from bms.core.clock import ManualClock
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal
from tests.worlds.jobs import World, add_tenant


async def _forget_events(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(delete(events))


async def test_a_queued_job_starts_without_an_event(database: Database, tmp_path: Path, clock: ManualClock) -> None:
    await add_tenant(database, clock)
    world = World(database, tmp_path, clock)
    scheduler = world.scheduler()
    await scheduler.step()
    job = await world.submit()
    await _forget_events(database)
    await world.rounds(scheduler, 2)
    assert (await world.get(job)).state == "running"


@pytest.fixture
async def deployed(database: Database, clock: ManualClock) -> Deployed:
    return await Deployed(database, clock, ObedientCluster(clock)).start()


async def test_a_deployment_gets_its_replicas_without_an_event(deployed: Deployed, database: Database) -> None:
    await deployed.step()
    await deployed.service.create(principal(), "digits", follow())
    await _forget_events(database)
    await deployed.step()
    assert deployed.cluster.starts == [], "nobody heard of it"
    deployed.clock.advance(EVERYTHING_S)
    await deployed.settle()
    assert await deployed.traffic() == {1: 100}


async def test_replicas_of_no_deployment_end_without_an_event(deployed: Deployed, database: Database) -> None:
    await deployed.service.create(principal(), "digits", follow(replicas=2))
    await deployed.settle()
    (one, _) = [replica.id for replica in await deployed.replicas()]
    spec = deployed.cluster.specs[one]
    await deployed.cluster.start(msgspec.structs.replace(spec, id="stray", owner="nobody"))
    await deployed.service.delete(principal(), "digits")
    await _forget_events(database)
    for _ in range(12):
        deployed.clock.advance(EVERYTHING_S / 8)
        await deployed.step()
    assert deployed.cluster.workloads == {}
