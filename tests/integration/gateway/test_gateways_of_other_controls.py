"""Gateways are connected to one control, and another one leads: what it must know of them comes by the store."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from bms.adapters.sql.database.engine import Database
from bms.control.deployments.reconciliation.failure_reports import AGAIN_S
from bms.control.deployments.reconciliation.reconciler import SUBJECT
from bms.control.deployments.views.service import DeploymentViews
from bms.control.deployments.views.status import DeploymentStatus
from bms.control.snapshots.acknowledgements import RECONNECT_S
from bms.control.snapshots.feed import SnapshotFeed
from bms.control.snapshots.positions import LIVE_S
from bms.control.snapshots.rollout_barrier import BOUND_S
from bms.core.clock import ManualClock
from bms.core.errors import Unavailable
from bms.core.serving.snapshot import DeploymentEntry
from tests.sizes import enough
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal

BY = principal()
MOVES, EVERY = 3, 64  # how often the alias moves, and after how many turns again


async def _reported(*controls: Deployed) -> None:
    """Each has read what there is, and told the others how far its gateways are."""
    for control in controls:
        await control.publisher.refresh()
        await control.others.keep(control.publisher._position())


@pytest.fixture
async def leader(sqlite: Database, clock: ManualClock) -> Deployed:
    """Leads, serves version 1, and has no gateway."""
    deployed = await Deployed(sqlite, clock, ObedientCluster(clock), "leader").start()
    await deployed.service.create(BY, "digits", follow(keep_previous_s=0.0))
    await deployed.settle()
    clock.advance(60)
    return deployed


@pytest.fixture
async def other(leader: Deployed, clock: ManualClock) -> Deployed:
    """Another control, whose start is over."""
    other = leader.again("other")
    await other.publisher.start()
    clock.advance(RECONNECT_S + 0.1)
    return other


async def _drain(leader: Deployed, *others: Deployed, rounds: int = 8) -> None:
    for _ in range(rounds):
        await leader.step()
        await _reported(leader, *others)
        leader.clock.advance(0.1)  # type: ignore[attr-defined]


async def test_a_drained_replica_is_stopped_only_when_another_controls_gateway_lets_go(
    leader: Deployed, other: Deployed
) -> None:
    feed = other.publisher.connect()
    feed.applied((await feed.next()).revision)
    (old,) = leader.cluster.running(1)
    await leader.registry.point("production", 2)
    await _drain(leader, other)
    assert (await leader.traffic(), leader.cluster.running(1)) == ({2: 100}, [old])
    feed.applied((await feed.next()).revision)
    await _drain(leader, other, rounds=3)
    assert leader.cluster.stops == [old]


async def test_it_is_waited_for_five_seconds_only_and_for_one_that_ended_not_at_all(
    leader: Deployed, other: Deployed, clock: ManualClock
) -> None:
    other.publisher.connect()
    (old,) = leader.cluster.running(1)
    await leader.registry.point("production", 2)
    await _drain(leader, other)
    assert leader.cluster.stops == []
    clock.advance(BOUND_S)
    await _drain(leader, other, rounds=2)
    assert leader.cluster.stops == [old]
    (old,) = leader.cluster.running(2)
    await leader.registry.point("production", 1)
    await _drain(leader, other)
    assert old not in leader.cluster.stops
    await other.others.end()
    await _drain(leader, rounds=3)
    assert old in leader.cluster.stops


async def test_a_control_that_was_killed_is_waited_for_no_longer_than_its_word_counts(
    leader: Deployed, other: Deployed, clock: ManualClock
) -> None:
    other.publisher.connect()
    await _reported(other)
    clock.advance(LIVE_S)
    (old,) = leader.cluster.running(1)
    await leader.registry.point("production", 2)
    await _drain(leader)
    assert leader.cluster.stops == [old]


async def test_a_control_that_starts_is_waited_for_before_it_lets_a_gateway_in(
    leader: Deployed, clock: ManualClock
) -> None:
    starting = leader.again("starting")
    await starting.publisher.start()
    await leader.registry.point("production", 2)
    await _drain(leader, starting)
    assert leader.cluster.stops == [], "gateways of its predecessor may be on their way"


async def test_a_status_is_the_same_whichever_control_is_asked(leader: Deployed, other: Deployed) -> None:
    async def seen(control: Deployed) -> DeploymentStatus:
        views = DeploymentViews(
            control.store,
            control.catalog,
            control.clock,
            control.reports.of,
            looked=lambda: control.reconciler.looked or control.leadership.of(SUBJECT).elsewhere,
        )
        return await views.status("default", "digits")

    assert (await seen(other)).message == "the platform begins: looking what runs", "it has asked nobody yet who leads"
    await other.reconciler.step()
    first, second = await seen(leader), await seen(other)
    assert second == first
    assert (first.state, [one.answering for one in first.replicas], first.requests) == ("serving", [True], 3)


async def test_the_leader_asks_a_replica_that_another_controls_gateway_lost(
    leader: Deployed, other: Deployed, clock: ManualClock
) -> None:
    cluster: ObedientCluster = leader.cluster
    (replica,) = cluster.running(1)
    asked = cluster.asked
    for _ in range(3):
        other.failure_reports.note(replica)
        await other.failure_reports.tasks.idle()
        await leader.step()
    assert cluster.asked == asked + 1, "all gateways lost it at once, and it is asked once"
    clock.advance(AGAIN_S + 0.1)
    other.failure_reports.note(replica)
    await other.failure_reports.tasks.idle()
    await leader.step()
    assert cluster.asked == asked + 2
    other.failure_reports.note("rep_unknown")
    await other.failure_reports.tasks.idle()
    told = [event for _, event in await leader.events.since(0) if event.name == "replica.suspected"]
    assert [event.details["replica"] for event in told] == [replica, replica]


async def test_what_cannot_be_told_is_told_the_next_time(
    leader: Deployed, other: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (replica,) = leader.cluster.running(1)

    def away() -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(other.store, "write", away)
    other.failure_reports.note(replica)
    await other.failure_reports.tasks.idle()
    monkeypatch.undo()
    other.failure_reports.note(replica)
    await other.failure_reports.tasks.idle()
    asked = leader.cluster.asked
    await leader.step()
    assert leader.cluster.asked == asked + 1


@pytest.fixture
async def running(leader: Deployed, other: Deployed) -> AsyncIterator[tuple[Deployed, Deployed]]:
    """Both, kept current and telling each other."""
    works = [work for control in (leader, other) for work in (control.publisher.run(), control.publisher.report())]
    tasks = [asyncio.create_task(work) for work in works]
    async with asyncio.timeout(20):
        while not (leader.others.known and other.others.known):
            await _reported(leader, other)
    yield leader, other
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(feed: SnapshotFeed) -> None:
    while True:
        feed.applied((await feed.next()).revision)


async def test_who_makes_a_key_hears_when_gateways_of_all_controls_know_it(
    running: tuple[Deployed, Deployed],
) -> None:
    leader, other = running
    feed = other.publisher.connect()
    first = await feed.next()
    await leader.tenants.create_key(BY, "k", user="admin")
    assert not await leader.publisher.wait_applied(0.1), "the gateway has applied nothing"
    feed.applied(first.revision)
    following = asyncio.create_task(_follow(feed))
    assert await leader.publisher.wait_applied(20)
    assert feed._state.last_event >= await leader.events.last()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    feed.close()


class Gateway:
    """Routes by what it applied; connected to one of several controls, or between two."""

    def __init__(self) -> None:
        self.feed: SnapshotFeed | None = None
        self.entries: dict[str, DeploymentEntry] = {}

    def connect(self, control: Deployed) -> None:
        self.feed = control.publisher.connect()

    async def apply(self) -> None:
        """What there is for it now."""
        assert self.feed is not None
        try:
            async with asyncio.timeout(0):
                update = await self.feed.next()
        except TimeoutError:
            return
        if update.full:
            self.entries.clear()
        for _, id in update.deletes:
            self.entries.pop(id, None)
        self.entries |= {entry.id: entry for entry in update.puts if isinstance(entry, DeploymentEntry)}
        self.feed.applied(update.revision)

    @property
    def replicas(self) -> set[str]:
        return {one.id for entry in self.entries.values() for version in entry.versions for one in version.replicas}


@pytest.mark.parametrize("seed", range(enough(2, 12)))
async def test_whichever_control_is_dropped_no_replica_is_stopped_that_a_gateway_sends_to(
    leader: Deployed, other: Deployed, clock: ManualClock, seed: int
) -> None:
    rng = Random(seed)
    cluster: ObedientCluster = leader.cluster
    gateways = [Gateway() for _ in range(3)]
    used: list[str] = []  # stopped while a gateway sent to it
    stop = cluster.stop

    async def watched(workload: str, grace_s: float | None = None) -> None:
        used.extend(workload for gateway in gateways if workload in gateway.replicas)
        await stop(workload, grace_s)

    cluster.stop = watched  # type: ignore[method-assign]
    controls = [leader, other]
    for gateway in gateways:
        gateway.connect(rng.choice(controls))
    for turn in range(MOVES * EVERY):
        if turn % EVERY == 0:
            drop = rng.randrange(EVERY // 4)
            await leader.registry.point("production", 2 - (turn // EVERY) % 2)
        if turn % EVERY == drop:
            which = rng.randrange(2)
            dropped, controls[which] = controls[which], leader.again(f"control{turn}")
            await dropped.reconciler.tasks.close()
            await controls[which].publisher.start()
            for gateway in gateways:
                if gateway.feed is not None and gateway.feed._state is dropped.publisher._state:
                    gateway.connect(rng.choice(controls))
        control = rng.choice(controls)
        await control.reconciler.step()
        await control.reconciler.idle()
        await _reported(control)
        await rng.choice(gateways).apply()
        clock.advance(rng.choice((0.1, 0.4)))
    assert used == []
    assert len(cluster.stops) == len(set(cluster.stops)) >= MOVES - 1
