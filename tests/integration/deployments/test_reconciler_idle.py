"""The loop of deployments does nothing while nothing happens, and is there at once when something does."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

import pytest
from sqlalchemy import event, select

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.tables.events import leases
from bms.control.deployments import health, probe_schedule
from bms.control.deployments.reconciliation import reconciler
from bms.control.deployments.reconciliation.loop import ReconcilerLoop
from bms.control.platform import leading
from bms.core.clock import ManualClock, SystemClock
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal

BY = principal()
REST_S = 1.5  # longer than any round used to be apart
SOON_S = 10.0  # on a busy machine; without news it would be half a minute


class Running:
    """The loop, and how many rounds it has made."""

    def __init__(self, deployed: Deployed) -> None:
        self.deployed = deployed
        self.rounds = 0
        self._step = deployed.reconciler.step
        deployed.reconciler.step = self._counted  # type: ignore[method-assign]
        self.loop = ReconcilerLoop(
            deployed.reconciler, deployed.cluster, deployed.events, deployed.publisher.wait_progress
        )

    async def _counted(self) -> bool:
        self.rounds += 1
        return await self._step()

    async def until(self, holds: Callable[[], Awaitable[bool]], within_s: float = 20.0) -> None:
        async with asyncio.timeout(within_s):
            while not await holds():
                await asyncio.sleep(0.01)

    async def ready(self) -> bool:
        return [replica.state for replica in await self.deployed.replicas()].count("ready") > 0

    async def rests(self) -> None:
        """Returns when no round was made for a while."""
        async with asyncio.timeout(20):
            seen = -1
            while seen != self.rounds:
                seen = self.rounds
                await asyncio.sleep(0.7)


@asynccontextmanager
async def _running(database: Database) -> AsyncIterator[Running]:
    clock = SystemClock()
    deployed = await Deployed(database, clock, ObedientCluster(clock)).start()
    await deployed.service.create(BY, "digits", follow())
    running = Running(deployed)
    tasks = [asyncio.create_task(running.loop.run()), asyncio.create_task(deployed.publisher.run())]
    try:
        await running.until(running.ready)
        await running.rests()
        yield running
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _tables_read(database: Database) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(*told: object) -> None:
        if "FROM replicas" in str(told[2]) or "FROM deployments" in str(told[2]):
            asked.append(str(told[2]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    yield asked
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def test_at_rest_it_makes_no_round_and_reads_no_row(sqlite: Database) -> None:
    async with _running(sqlite) as running:
        before = running.rounds
        with _tables_read(sqlite) as asked:
            await asyncio.sleep(REST_S)
        assert (running.rounds, asked) == (before, [])


async def test_the_lease_is_renewed_without_a_round(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading, "RENEW_S", 0.1)

    async def expires_at() -> datetime:
        async with sqlite.reading() as connection:
            found: datetime = (await connection.execute(select(leases.c.expires_at))).scalar_one()
            return found

    async with _running(sqlite) as running:
        before = running.rounds
        for _ in range(3):
            last = await expires_at()

            async def renewed(last: datetime = last) -> bool:
                return await expires_at() > last

            await running.until(renewed)
        assert running.rounds == before


async def test_what_happens_to_others_makes_no_round(sqlite: Database) -> None:
    async with _running(sqlite) as running:
        before = running.rounds
        await running.deployed.registry.add_model("another")
        await running.deployed.registry.add_version(1, "another")
        await running.deployed.registry.point("production", 1, "another")
        await asyncio.sleep(0.5)
        assert running.rounds == before


async def test_a_round_reads_only_the_deployments_that_something_happened_to(
    sqlite: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = await Deployed(sqlite, clock, ObedientCluster(clock)).start()
    names = [f"digits-{number}" for number in range(5)]
    ids = {name: (await deployed.service.create(BY, name, follow())).id for name in names}
    for _ in range(10):
        await deployed.step()
        clock.advance(3)
    read: list[str] = []
    parts = reconciler.in_parts

    def noted(store: object, catalog: object, some: list[str]) -> object:
        read.extend(some)
        return parts(store, catalog, some)  # type: ignore[arg-type]

    monkeypatch.setattr(reconciler, "in_parts", noted)
    await deployed.step()
    assert read == []
    (first, *_) = [replica.id for replica in await deployed.replicas("digits-3")]
    deployed.cluster.end(first, -9)
    await deployed.step()
    assert read == [ids["digits-3"]]
    read.clear()
    await deployed.settle()
    (second,) = [replica.id for replica in await deployed.replicas("digits-4")]
    read.clear()
    deployed.cluster.hung.add(second)
    for _ in range(20):
        clock.advance(3)
        await deployed.step()
    assert set(read) == {ids["digits-3"], ids["digits-4"]}, "one failed a moment ago, one seems to hang"


async def test_an_alias_that_moves_is_followed_at_once(sqlite: Database) -> None:
    async with _running(sqlite) as running:
        before, began = running.rounds, time.monotonic()
        await running.deployed.registry.point("production", 2)

        async def moved() -> bool:
            return await running.deployed.traffic() == {2: 100}

        await running.until(moved)
        assert time.monotonic() - began < SOON_S
        assert running.rounds - before < 8, "it makes a round when there is news, not while it waits"


async def test_a_replica_that_says_it_ended_is_replaced(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked by a timer of its own, which wakes the loop when the answer is another."""
    monkeypatch.setattr(probe_schedule, "READY_S", 0.1)
    monkeypatch.setattr(probe_schedule, "A_SECOND", 100)
    async with _running(sqlite) as running:
        before, cluster = running.rounds, running.deployed.cluster
        (first,) = cluster.running(1)
        asked = cluster.asked
        await asyncio.sleep(0.5)
        assert cluster.asked > asked + 1
        assert running.rounds == before
        cluster.hung.add(first)
        monkeypatch.setattr(health, "SILENT_S", 0.3)
        began = time.monotonic()

        async def replaced() -> bool:
            return bool(set(cluster.running(1)) - {first})

        await running.until(replaced)
        assert time.monotonic() - began < SOON_S


async def test_many_ready_replicas_are_asked_seldom(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_schedule, "READY_S", 0.05)
    monkeypatch.setattr(probe_schedule, "A_SECOND", 2)
    async with _running(sqlite) as running:
        asked = running.deployed.cluster.asked
        await asyncio.sleep(1.2)
        assert 1 <= running.deployed.cluster.asked - asked <= 4
        (one,) = running.deployed.cluster.running(1)
        asked = running.deployed.cluster.asked
        running.deployed.failure_reports.note(one)
        await asyncio.sleep(0.1)
        assert running.deployed.cluster.asked > asked, "but one that is suspected, at once"
