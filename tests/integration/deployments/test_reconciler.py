"""The loop of deployments over a real database, with a cluster that obeys the test."""

import asyncio

import msgspec
import pytest

from bms.adapters.sql.database.engine import Database
from bms.control.deployments.nouns import DeploymentSpec, Target
from bms.control.deployments.reconciliation.loop import ReconcilerLoop
from bms.control.deployments.views.service import DeploymentViews
from bms.core.clock import ManualClock, SystemClock
from bms.core.errors import Unavailable
from bms.core.pages import PageRequest
from bms.core.serving.snapshot import DeploymentEntry
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal

BY = principal()


@pytest.fixture
async def deployed(sqlite: Database, clock: ManualClock) -> Deployed:
    return await Deployed(sqlite, clock, ObedientCluster(clock)).start()


async def _serving(deployed: Deployed, **spec: object) -> None:
    await deployed.service.create(BY, "digits", follow(**spec))
    await deployed.settle()
    assert await deployed.traffic() == {1: 100}


def _entry(deployed: Deployed) -> DeploymentEntry:
    (entry,) = [entry for entry in deployed.publisher.entries.values() if isinstance(entry, DeploymentEntry)]
    return entry


async def _views(deployed: Deployed) -> tuple[str, str]:
    views = DeploymentViews(deployed.store, deployed.catalog, deployed.clock, deployed.reports.of)
    status = await views.status("default", "digits")
    return status.state, status.message


async def test_a_deployment_is_started_probed_and_published(deployed: Deployed) -> None:
    await deployed.service.create(BY, "digits", follow(replicas=2))
    assert (await _views(deployed))[0] == "starting"
    await deployed.settle()
    ready = [replica for replica in await deployed.replicas() if replica.state == "ready"]
    assert len(ready) == 2
    assert set(deployed.cluster.workloads) == {replica.id for replica in ready}
    (version,) = _entry(deployed).versions
    assert (version.number, version.state, version.weight, version.aliases) == (1, "AVAILABLE", 100, ("production",))
    assert {replica.address for replica in version.replicas} == {f"unix:/run/{replica.id}.sock" for replica in ready}
    assert await _views(deployed) == ("serving", "version 1 answers")


async def test_after_a_start_nothing_is_said_to_serve_before_it_is_known_what_runs(deployed: Deployed) -> None:
    await _serving(deployed)
    deployed.cluster.workloads.clear()
    began = deployed.again()
    views = DeploymentViews(
        began.store, began.catalog, began.clock, began.reports.of, looked=lambda: began.reconciler.looked
    )
    before = await views.status("default", "digits")
    assert (before.state, before.message) == ("rolling", "the platform begins: looking what runs")
    (listed,) = (await views.page("default", PageRequest())).items
    assert (listed.state, listed.message) == (before.state, before.message)
    await began.step()
    assert (await views.status("default", "digits")).state != "serving"
    await began.settle()
    assert (await views.status("default", "digits")).state == "serving"


async def test_a_model_server_is_configured_from_version_and_spec(deployed: Deployed) -> None:
    await _serving(deployed)
    (spec,) = deployed.cluster.specs.values()
    assert (spec.kind, spec.program, spec.tenant) == ("model_server", "bms.app.model_server", "default")
    assert spec.trees == {"artifact": f"sha256:{1:064x}"}
    assert spec.environment == EnvironmentSpec()
    assert spec.config["servable"]["threads"] == 1
    assert spec.epoch == 1
    assert b'"/' not in msgspec.json.encode(spec), "no path is true on every machine"


async def test_a_replica_has_the_address_that_its_cluster_says_once_it_is_ready(deployed: Deployed) -> None:
    deployed.cluster.slow = {1}
    await deployed.service.create(BY, "digits", follow())
    for _ in range(4):
        await deployed.step()
    (starting,) = await deployed.replicas()
    assert (starting.state, starting.address) == ("starting", "")
    deployed.cluster.slow = set()
    deployed.clock.advance(1)
    await deployed.settle()
    (ready,) = await deployed.replicas()
    assert (ready.state, ready.address) == ("ready", f"unix:/run/{ready.id}.sock")


async def test_a_start_whose_answer_was_lost_is_repeated_and_no_failure(deployed: Deployed) -> None:
    await deployed.service.create(BY, "digits", follow())
    await deployed.step()
    start = deployed.cluster.start

    async def lost(spec: WorkloadSpec, sealed: bytes = b"") -> WorkloadStatus:
        deployed.cluster.start = start
        await start(spec, sealed)
        raise Unavailable("the connection to the cluster was lost")

    deployed.cluster.start = lost
    await deployed.settle()
    (replica,) = await deployed.replicas()
    assert (replica.state, replica.restarts) == ("ready", 0)
    assert deployed.cluster.starts == [replica.id]


async def test_gateways_are_told_when_a_replica_is_reached_elsewhere(deployed: Deployed) -> None:
    await _serving(deployed)
    (replica,) = await deployed.replicas()
    elsewhere = f"tcp+tls:node-7:8443#sha256={'a' * 64}&name={replica.id}"
    deployed.cluster.blind = True
    deployed.cluster.moved[replica.id] = elsewhere
    await deployed.step()
    assert [one.address for one in _entry(deployed).versions[0].replicas] == [replica.address]
    deployed.cluster.blind = False
    await deployed.settle()
    assert [one.address for one in _entry(deployed).versions[0].replicas] == [elsewhere]
    (moved,) = await deployed.replicas()
    assert (moved.id, moved.state, moved.address) == (replica.id, "ready", elsewhere)
    assert deployed.cluster.starts == [replica.id]


async def test_an_alias_that_moves_switches_traffic_and_is_a_revision(deployed: Deployed) -> None:
    await _serving(deployed)
    await deployed.registry.point("production", 2)
    deployed.cluster.slow = {2}
    for _ in range(5):
        await deployed.step()
    assert await deployed.traffic() == {1: 100}
    assert await _views(deployed) == (
        "rolling",
        "version 1 answers; version 2 is starting (0 of 1 replicas ready)",
    )
    deployed.cluster.slow = set()
    for _ in range(3):
        deployed.clock.advance(1)
        await deployed.step()
    assert await deployed.traffic() == {2: 100}
    deployment = await deployed.service.get("default", "digits")
    assert deployment.revision == 2
    async with deployed.store.read() as tx:
        revision = await tx.revision(deployment.id, 2)
    assert revision is not None
    assert (revision.cause, revision.versions, revision.by) == ("alias production moved to 2", (2,), "system")


async def test_the_old_version_answers_while_the_new_one_fails_and_the_reason_is_visible(deployed: Deployed) -> None:
    await _serving(deployed)
    deployed.cluster.broken = {2}
    await deployed.registry.point("production", 2)
    for _ in range(30):
        deployed.clock.advance(2)
        await deployed.step()
        assert await deployed.traffic() == {1: 100}
    state, message = await _views(deployed)
    assert state == "degraded"
    assert "version 1 answers; version 2 failed: its process ended with exit code 1" in message
    assert 2 < len(deployed.cluster.starts) < 10, "it is tried again, and not without pause"
    assert len(await deployed.replicas()) <= 12, "old failures are forgotten"


async def test_a_dead_replica_is_replaced_and_never_listed_again(deployed: Deployed) -> None:
    await _serving(deployed, replicas=2)
    dead = deployed.cluster.running(1)[0]
    deployed.cluster.end(dead, -9)
    await deployed.step()
    assert dead not in {replica.id for version in _entry(deployed).versions for replica in version.replicas}
    await deployed.settle()
    assert len(deployed.cluster.running(1)) == 2
    assert dead not in deployed.cluster.workloads


async def test_a_drained_replica_is_stopped_only_when_gateways_let_go(deployed: Deployed) -> None:
    await _serving(deployed, keep_previous_s=0.0)
    deployed.clock.advance(10)
    feed = deployed.publisher.connect()
    feed.applied((await feed.next()).revision)
    (old,) = deployed.cluster.running(1)
    await deployed.registry.point("production", 2)
    for _ in range(6):
        await deployed.step()
        deployed.clock.advance(0.2)
    assert await deployed.traffic() == {2: 100}
    assert deployed.cluster.running(1) == [old], "a gateway may still send to it"
    update = await feed.next()
    assert old not in {
        replica.id
        for entry in update.puts
        if isinstance(entry, DeploymentEntry)
        for version in entry.versions
        for replica in version.replicas
    }
    feed.applied(update.revision)
    await deployed.settle()
    assert deployed.cluster.stops == [old]
    assert list(deployed.cluster.workloads) == deployed.cluster.running(2)


async def test_a_gateway_that_never_applies_holds_a_replica_for_five_seconds_only(deployed: Deployed) -> None:
    await _serving(deployed, keep_previous_s=0.0)
    deployed.publisher.connect()
    (old,) = deployed.cluster.running(1)
    await deployed.registry.point("production", 2)
    for _ in range(4):
        await deployed.step()
        deployed.clock.advance(0.2)
    assert deployed.cluster.stops == []
    deployed.clock.advance(5)
    await deployed.settle()
    assert deployed.cluster.stops == [old]


async def test_a_restarted_control_goes_on_without_touching_what_runs(deployed: Deployed) -> None:
    await _serving(deployed, replicas=2)
    again = deployed.again()
    await again.publisher.start()
    await again.settle()
    assert again.cluster.stops == []
    assert len(again.cluster.starts) == 2
    assert await again.traffic() == {1: 100}
    assert again.publisher.revision >= deployed.publisher.revision
    assert again.publisher.entries == deployed.publisher.entries


async def test_a_restarted_control_launches_what_was_recorded_but_not_started(deployed: Deployed) -> None:
    await deployed.service.create(BY, "digits", follow())
    await deployed.reconciler.step()
    assert deployed.cluster.starts == []
    again = deployed.again()
    await again.settle()
    assert len(again.cluster.starts) == 1


async def test_two_controls_never_act_both(deployed: Deployed) -> None:
    other = deployed.again(holder="other")
    await deployed.service.create(BY, "digits", follow())
    await deployed.step()
    assert not await other.step()
    deployed.clock.advance(11)
    assert await other.step()
    await deployed.reconciler.step()
    await other.settle()
    assert len(await other.replicas()) == 1
    assert len(other.cluster.starts) == 1


async def test_nothing_is_stopped_while_the_cluster_is_not_to_be_seen(deployed: Deployed) -> None:
    await _serving(deployed)
    deployed.cluster.blind = True
    for _ in range(5):
        deployed.clock.advance(60)
        await deployed.step()
    deployed.cluster.blind = False
    await deployed.settle()
    assert deployed.cluster.stops == []
    assert len(deployed.cluster.starts) == 1


async def test_who_did_not_answer_while_the_cluster_was_not_to_be_seen_does_not_hang(deployed: Deployed) -> None:
    """A machine that is cut off takes its replicas with it; they are there again when it is."""
    await _serving(deployed)
    deployed.cluster.blind, deployed.cluster.hung = True, set(deployed.cluster.running(1))
    for _ in range(20):
        deployed.clock.advance(3)
        await deployed.step()
    deployed.cluster.blind = False
    await deployed.step()
    deployed.cluster.hung = set()
    for _ in range(20):
        deployed.clock.advance(3)
        await deployed.step()
    assert deployed.cluster.stops == []
    assert len(deployed.cluster.starts) == 1


async def test_a_hung_replica_is_replaced_before_it_is_stopped(deployed: Deployed) -> None:
    await _serving(deployed)
    (hung,) = deployed.cluster.running(1)
    deployed.cluster.hung = {hung}
    for _ in range(20):
        deployed.clock.advance(3)
        await deployed.step()
    await deployed.settle()
    assert hung in deployed.cluster.stops
    assert len(deployed.cluster.running(1)) == 1


async def test_a_start_without_room_is_tried_again_and_says_why(deployed: Deployed) -> None:
    deployed.cluster.full = True
    await deployed.service.create(BY, "digits", follow())
    for _ in range(6):
        await deployed.step()
    state, message = await _views(deployed)
    assert (state, "no room for it" in message) == ("failing", True)
    deployed.cluster.full = False
    deployed.clock.advance(300)
    await deployed.settle()
    assert await deployed.traffic() == {1: 100}


async def test_a_tenant_with_many_slow_models_leaves_room_for_others(deployed: Deployed) -> None:
    deployed.cluster.slow = {1}
    for number in range(12):
        await deployed.service.create(BY, f"slow{number}", follow())
    await deployed.tenants.create_tenant(principal(), "acme", "bob")
    await deployed.registry.add_model(tenant="acme")
    await deployed.registry.add_version(2, tenant="acme")
    await deployed.registry.point("production", 2, tenant="acme")
    await deployed.service.create(principal("acme"), "quick", follow())
    for _ in range(5):
        await deployed.step()
    assert len(deployed.cluster.running(1)) == 4
    assert len(deployed.cluster.running(2)) == 1
    deployed.cluster.slow = set()
    for _ in range(12):
        deployed.clock.advance(1)
        await deployed.step()
    assert len(deployed.cluster.running(1)) == 12


async def test_processes_without_a_record_are_ended(deployed: Deployed) -> None:
    await _serving(deployed)
    (spec,) = deployed.cluster.specs.values()
    await deployed.cluster.start(msgspec.structs.replace(spec, id="stray", owner="stray"))
    await deployed.step()
    await deployed.step()
    assert deployed.cluster.stops == ["stray"]
    assert "stray" not in deployed.cluster.workloads


async def test_a_deleted_deployment_leaves_nothing(deployed: Deployed) -> None:
    await _serving(deployed, replicas=2)
    await deployed.service.delete(BY, "digits")
    for _ in range(8):
        deployed.clock.advance(1)
        await deployed.step()
    assert deployed.cluster.workloads == {}
    assert not any(isinstance(entry, DeploymentEntry) for entry in deployed.publisher.entries.values())
    async with deployed.store.read() as tx:
        assert await tx.active() == []


async def test_a_version_withdrawn_behind_our_back_goes_on_answering(deployed: Deployed) -> None:
    version = await deployed.registry.add_version(3)
    await deployed.service.create(BY, "digits", DeploymentSpec(model="m", targets=(Target(version=3),)))
    await deployed.settle()
    await deployed.registry.withdraw(version)
    await deployed.settle()
    assert await deployed.traffic() == {3: 100}
    deployed.cluster.end(deployed.cluster.running(3)[0], -9)
    await deployed.settle()
    assert (await _views(deployed))[0] == "failing"


async def test_a_deployment_that_cannot_be_looked_at_holds_up_no_other(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployed.registry.add_model("n")
    await deployed.registry.add_version(7, "n")
    await deployed.service.create(BY, "a", DeploymentSpec(model="n", targets=(Target(version=7),)))
    await deployed.service.create(BY, "digits", follow())
    aliases = deployed.catalog.aliases

    async def away(tenant: str, model: str) -> dict[str, int]:
        if model == "n":
            raise Unavailable("away")
        return await aliases(tenant, model)

    monkeypatch.setattr(deployed.catalog, "aliases", away)
    for _ in range(6):
        await deployed.reconciler.step()
        await deployed.reconciler.idle()
    assert await deployed.traffic("digits") == {1: 100}
    monkeypatch.undo()
    await deployed.settle()
    assert await deployed.traffic("a") == {7: 100}


async def test_a_suspected_replica_is_asked_at_once(deployed: Deployed) -> None:
    await _serving(deployed)
    (replica,) = deployed.cluster.running(1)
    asked = deployed.cluster.asked
    await deployed.step()
    assert deployed.cluster.asked == asked, "it was asked just now"
    deployed.failure_reports.note(replica)
    await deployed.step()
    assert deployed.cluster.asked == asked + 1


async def test_the_loop_survives_a_round_that_fails(
    sqlite: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = await Deployed(sqlite, clock, ObedientCluster(clock)).start()
    again, step = asyncio.Event(), deployed.reconciler.step
    errors: list[Exception] = [Unavailable("the database is away"), RuntimeError("a defect")]

    async def failing() -> bool:
        if errors:
            raise errors.pop(0)
        again.set()
        return await step()

    monkeypatch.setattr(deployed.reconciler, "step", failing)
    running = asyncio.create_task(
        ReconcilerLoop(deployed.reconciler, deployed.cluster, deployed.events, deployed.publisher.wait_progress).run()
    )
    await asyncio.wait_for(again.wait(), 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert errors == []


async def test_the_loop_wakes_for_events_and_dead_workloads(sqlite: Database) -> None:
    clock = SystemClock()
    deployed = await Deployed(sqlite, clock, ObedientCluster(clock)).start()
    loop = ReconcilerLoop(deployed.reconciler, deployed.cluster, deployed.events, deployed.publisher.wait_progress)
    running = [asyncio.create_task(loop.run()), asyncio.create_task(deployed.publisher.run())]
    try:
        await deployed.service.create(BY, "digits", follow())
        feed = deployed.publisher.connect()

        async def served() -> str:
            while True:
                for entry in (await feed.next()).puts:
                    if isinstance(entry, DeploymentEntry) and entry.versions and entry.versions[0].replicas:
                        return entry.versions[0].replicas[0].id

        first = await asyncio.wait_for(served(), 20)
        deployed.cluster.end(first, -9)
        while (second := await asyncio.wait_for(served(), 20)) == first:
            pass
        assert second != first
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
