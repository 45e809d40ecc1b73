"""One change among many: the publisher reads that alone, the loop looks at that alone, gateways are sent that alone."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.deployments import SqlDeployments
from bms.adapters.sql.tenants import SqlTenants
from bms.control.deployments.nouns import DeploymentSpec, Target
from bms.control.deployments.reconciliation.work_queue import AT_ONCE, EVERYTHING_S
from bms.control.snapshots.feed import SnapshotFeed
from bms.core.clock import ManualClock
from bms.core.serving.snapshot import DeploymentEntry, SnapshotUpdate
from tests.worlds.databases import database as open_database
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal

BY = principal()
MANY = 230  # more than are read at a time


class Reads:
    """Which deployments and keys are read, by watching the repositories."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deployments: list[str] = []
        self.keys: list[frozenset[str] | None] = []
        active, live = SqlDeployments.active, SqlTenants.live_keys

        async def watched(tx: SqlDeployments, among: list[str] | None = None) -> object:
            self.deployments += among or ["everything"]
            return await active(tx, among)

        async def watched_keys(tx: SqlTenants, ids: set[str] | None = None, of_users: set[str] | None = None) -> object:
            self.keys.append(None if ids is None else frozenset(ids))
            return await live(tx, ids, of_users)

        monkeypatch.setattr(SqlDeployments, "active", watched)
        monkeypatch.setattr(SqlTenants, "live_keys", watched_keys)


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with stopped deployments `d0` and on, of one model but one, that everybody has looked at."""

    async def make() -> None:
        async with open_database("sqlite", folder) as database:
            clock = ManualClock()
            deployed = await Deployed(database, clock, ObedientCluster(clock)).start()
            await deployed.registry.add_model("other")
            await deployed.registry.add_version(1, "other")
            for number in range(MANY):
                model = "other" if number == 1 else "m"
                spec = DeploymentSpec(model=model, targets=(Target(version=1),), stopped=True)
                await deployed.service.create(BY, f"d{number}", spec)
            await deployed.settle()

    folder = tmp_path_factory.mktemp("many")
    asyncio.run(make())
    return folder / "bms.db"


@pytest.fixture
async def many(at_rest: Path, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Deployed]:
    """Control on them, at rest."""
    shutil.copy(at_rest, tmp_path)
    database = Database(f"sqlite:///{tmp_path}/{at_rest.name}")
    deployed = Deployed(database, clock, ObedientCluster(clock))
    await deployed.publisher.start()
    await deployed.settle()
    yield deployed
    await database.close()


@pytest.fixture
async def running(many: Deployed) -> AsyncIterator[Deployed]:
    task = asyncio.create_task(many.publisher.run())
    yield many
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _next(feed: SnapshotFeed) -> SnapshotUpdate:
    async with asyncio.timeout(20):
        return await feed.next()


async def test_a_key_is_read_and_sent_alone(running: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = running.publisher.connect()
    assert len((await _next(feed)).puts) == MANY + 1
    reads = Reads(monkeypatch)
    made = await running.tenants.create_key(BY, "k", user="admin")
    update = await _next(feed)
    assert ([entry.id for entry in update.puts], update.full) == ([made.key.id], False)
    await running.tenants.revoke_key(BY, made.key.id)
    update = await _next(feed)
    assert (update.puts, update.deletes) == ((), (("key", made.key.id),))
    assert (reads.keys, reads.deployments) == ([{made.key.id}] * 2, [])


async def test_a_moved_alias_is_told_to_the_deployments_of_its_model_alone(
    running: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = running.publisher.connect()
    await _next(feed)
    reads = Reads(monkeypatch)
    await running.registry.point("canary", 1, "other")
    (entry,) = (await _next(feed)).puts
    assert isinstance(entry, DeploymentEntry)
    assert (entry.name, entry.known_aliases) == ("d1", ("canary",))
    assert reads.deployments == [entry.id]


async def test_a_deleted_deployment_is_taken_away_alone(running: Deployed) -> None:
    feed = running.publisher.connect()
    await _next(feed)
    gone = await running.service.delete(BY, "d2")
    update = await _next(feed)
    assert (update.puts, update.deletes) == ((), (("deployment", gone.id),))


async def test_what_changed_while_a_gateway_was_slow_comes_in_one_step(running: Deployed) -> None:
    old = await running.tenants.create_key(BY, "old", user="admin")
    await _heard(running)
    feed = running.publisher.connect()
    await _next(feed)
    made = [await running.tenants.create_key(BY, f"k{number}", user="admin") for number in range(2)]
    await running.tenants.revoke_key(BY, old.key.id)
    await _heard(running)
    update = await _next(feed)
    assert {entry.id for entry in update.puts} == {one.key.id for one in made}
    assert update.deletes == (("key", old.key.id),)


async def _heard(running: Deployed) -> None:
    """Returns when the publisher takes account of all that is committed."""
    async with asyncio.timeout(20):
        while running.publisher.last_event < await running.events.last():
            await asyncio.sleep(0.005)


async def test_deployments_at_rest_are_not_looked_at_until_something_happens(
    many: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    await many.reconciler.step()
    assert reads.deployments == []
    await many.registry.point("canary", 1, "other")
    await many.reconciler.step()
    assert reads.deployments == [(await many.service.get("default", "d1")).id]


async def test_a_deployment_that_serves_rests_until_something_happens(
    many: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = await many.service.create(BY, "serving", follow())
    await many.settle()
    assert await many.traffic("serving") == {1: 100}
    reads = Reads(monkeypatch)
    for _ in range(3):
        await many.reconciler.step()
    assert reads.deployments == []
    (replica,) = many.cluster.running(1)
    many.cluster.end(replica, -9)
    await many.reconciler.step()
    assert reads.deployments[:1] == [serving.id]


async def test_everything_is_looked_at_by_a_new_leader_and_once_in_a_long_while(
    many: Deployed, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    again = many.again()
    assert await again.reconciler.step(), "some are left for the next round"
    assert len(reads.deployments) == AT_ONCE
    while await again.reconciler.step():
        pass
    assert len(reads.deployments) == len(set(reads.deployments)) == MANY
    reads.deployments.clear()
    clock.advance(EVERYTHING_S + 1)
    while await many.reconciler.step():
        pass
    assert len(set(reads.deployments)) == MANY


async def test_news_do_not_wait_for_those_that_nothing_was_heard_of(
    many: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = many.again()
    await again.reconciler.step()
    made = await many.service.create(BY, "new", follow())
    reads = Reads(monkeypatch)
    await again.reconciler.step()
    assert made.id in reads.deployments[:1]
