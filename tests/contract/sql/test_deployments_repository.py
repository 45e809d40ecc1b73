"""The deployments repository keeps its contract on both databases."""

from datetime import timedelta

import msgspec
import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.deployments import SqlDeployments
from bms.adapters.sql.events import SqlLeases
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.control.deployments.nouns import (
    Deployment,
    DeploymentRevision,
    DeploymentSpec,
    Replica,
    Retired,
    Target,
    TrafficRoute,
    TrafficShare,
)
from bms.control.tenants.nouns import Tenant
from bms.core.clock import ManualClock
from bms.core.errors import Aborted, AlreadyExists
from bms.core.pages import PageRequest, decode_cursor

Deployments = SqlStore[SqlDeployments]


@pytest.fixture
async def store(database: Database, clock: ManualClock) -> Deployments:
    async with SqlStore(database, SqlTenants).write() as tx:
        for tenant in ("acme", "other"):
            await tx.add_tenant(Tenant(id=tenant, created_at=clock.now()))
    return SqlStore(database, SqlDeployments)


def _deployment(clock: ManualClock, name: str = "digits", tenant: str = "acme", model: str = "m") -> Deployment:
    spec = DeploymentSpec(model=model, targets=(Target(alias="production"),))
    return Deployment(
        id=f"dep_{tenant}_{name}", tenant=tenant, name=name, spec=spec, created_at=clock.now(), created_by="ann"
    )


def _replica(clock: ManualClock, id: str, deployment: Deployment, **more: object) -> Replica:
    plain = Replica(
        id=id,
        tenant=deployment.tenant,
        deployment=deployment.id,
        version=1,
        build="b",
        state="starting",
        address="unix:/x",
        created_at=clock.now(),
    )
    return msgspec.structs.replace(plain, **more)


def _revision(deployment: Deployment, number: int, versions: tuple[int, ...]) -> DeploymentRevision:
    return DeploymentRevision(
        deployment=deployment.id,
        number=number,
        spec=deployment.spec,
        versions=versions,
        cause="because",
        at=deployment.created_at,
        by="ann",
    )


async def test_nouns_come_back_as_they_were_stored(store: Deployments, clock: ManualClock) -> None:
    made = _deployment(clock)
    route = TrafficRoute(
        deployment=made.id,
        tenant="acme",
        shares=(TrafficShare(version=2, weight=100, aliases=("production",)),),
        retired=(Retired(version=1, at=clock.now()),),
        since=clock.now() + timedelta(microseconds=5),
    )
    replica = _replica(clock, "rep_1", made, ready_at=clock.now(), restarts=2, reason="why")
    async with store.write() as tx:
        await tx.add_deployment(made)
        await tx.add_revision(_revision(made, 1, (2,)))
        await tx.add_route(route)
        await tx.add_replica(replica)
    async with store.read() as tx:
        assert await tx.deployment("acme", "digits") == made
        assert await tx.deployment_by_id("acme", made.id) == made
        assert await tx.revision(made.id, 1) == _revision(made, 1, (2,))
        assert await tx.route(made.id) == route
        assert await tx.replica("rep_1") == replica
        assert await tx.active() == [made]
        assert await tx.routes() == {made.id: route}
        assert await tx.all_replicas() == [replica]
        assert await tx.latest_revisions() == {made.id: _revision(made, 1, (2,))}
        assert await tx.active_ids() == [made.id]


async def test_some_of_the_active_ones_can_be_asked_for(store: Deployments, clock: ManualClock) -> None:
    async with store.write() as tx:
        for name in ("a", "b", "c"):
            made = msgspec.structs.replace(_deployment(clock), id=f"dep_{name}", name=name, deleted=name == "c")
            await tx.add_deployment(made)
            await tx.add_revision(_revision(made, 1, (2,)))
            await tx.add_route(TrafficRoute(deployment=made.id, tenant="acme"))
            await tx.add_replica(_replica(clock, f"rep_{name}", made, state="stopped" if name == "c" else "ready"))
    async with store.read() as tx:
        assert await tx.active_ids() == ["dep_a", "dep_b"]
        among = ["dep_b", "dep_c", "never"]
        assert [one.id for one in await tx.active(among)] == ["dep_b"]
        assert set(await tx.latest_revisions(among)) == set(await tx.routes(among)) == {"dep_b"}
        assert [one.id for one in await tx.all_replicas(among)] == ["rep_b"]
        assert await tx.active([]) == await tx.all_replicas([]) == []
        assert [one.id for one in await tx.replicas_at_work([])] == ["rep_a", "rep_b"]
        assert [one.id for one in await tx.replicas_at_work(["rep_c", "rep_a"])] == ["rep_a", "rep_b", "rep_c"]


async def test_another_tenant_sees_nothing(store: Deployments, clock: ManualClock) -> None:
    made = _deployment(clock)
    async with store.write() as tx:
        await tx.add_deployment(made)
    async with store.read() as tx:
        assert await tx.deployment("other", "digits") is None
        assert await tx.deployment_by_id("other", made.id) is None
        assert (await tx.deployments("other", PageRequest())).items == []
        assert await tx.of_model("other", "m") == []


async def test_a_name_is_taken_until_its_deployment_is_deleted(store: Deployments, clock: ManualClock) -> None:
    made = _deployment(clock)
    again = msgspec.structs.replace(made, id="dep_again")
    async with store.write() as tx:
        await tx.add_deployment(made)
        with pytest.raises(AlreadyExists, match="'digits'"):
            await tx.add_deployment(again)
        with pytest.raises(AlreadyExists, match="'digits' exists already, and 'Digits' differs from it by case alone"):
            await tx.add_deployment(msgspec.structs.replace(again, name="Digits"))
        await tx.save_deployment(msgspec.structs.replace(made, deleted=True))
        await tx.add_deployment(again)
    async with store.read() as tx:
        assert await tx.deployment("acme", "digits") == again


async def test_saving_over_a_newer_revision_is_aborted(store: Deployments, clock: ManualClock) -> None:
    made = _deployment(clock)
    replica = _replica(clock, "rep_1", made)
    route = TrafficRoute(deployment=made.id, tenant="acme")
    async with store.write() as tx:
        await tx.add_deployment(made)
        await tx.add_route(route)
        await tx.add_replica(replica)
        assert (await tx.save_deployment(made)).revision == 2
        assert (await tx.save_route(route)).revision == 2
        assert (await tx.save_replica(replica)).revision == 2
    async with store.write() as tx:
        for stale in (tx.save_deployment(made), tx.save_route(route), tx.save_replica(replica)):
            with pytest.raises(Aborted):
                await stale


async def test_a_deleted_deployment_is_active_until_its_end_is_complete(store: Deployments, clock: ManualClock) -> None:
    gone = msgspec.structs.replace(_deployment(clock), deleted=True)
    replica = _replica(clock, "rep_1", gone, state="draining")
    route = TrafficRoute(deployment=gone.id, tenant="acme", shares=(TrafficShare(version=1, weight=100),))
    async with store.write() as tx:
        await tx.add_deployment(gone)
        await tx.add_route(route)
        assert await tx.active() == [gone]
        await tx.save_route(msgspec.structs.replace(route, shares=()))
        assert await tx.active() == []
        await tx.add_replica(replica)
        assert await tx.active() == [gone]
        await tx.save_replica(msgspec.structs.replace(replica, state="stopped"))
        assert await tx.active() == []
        assert await tx.all_replicas() == []


async def test_of_model_follows_a_change_of_model(store: Deployments, clock: ManualClock) -> None:
    made = _deployment(clock)
    other = DeploymentSpec(model="n", targets=(Target(version=1),))
    async with store.write() as tx:
        await tx.add_deployment(made)
        saved = await tx.save_deployment(msgspec.structs.replace(made, spec=other))
        assert await tx.of_model("acme", "m") == []
        assert await tx.of_model("acme", "n") == [saved]
        assert (await tx.deployments("acme", PageRequest(), "n")).items == [saved]


async def test_revisions_are_listed_newest_first_and_the_previous_meant_other_versions(
    store: Deployments, clock: ManualClock
) -> None:
    made = _deployment(clock)
    async with store.write() as tx:
        await tx.add_deployment(made)
        for number, versions in enumerate([(1,), (2,), (3,), (3,)], 1):
            await tx.add_revision(_revision(made, number, versions))
        first = await tx.revisions(made.id, PageRequest(limit=3))
        assert [row.number for row in first.items] == [4, 3, 2]
        assert first.next is not None
        rest = await tx.revisions(made.id, PageRequest(limit=3, after=decode_cursor(first.next)))
        assert [row.number for row in rest.items] == [1]
        previous = await tx.previous_revision(made.id, (3,))
        assert previous is not None
        assert previous.number == 2
        assert (await tx.latest_revisions())[made.id].number == 4


async def test_only_ended_replicas_are_forgotten(store: Deployments, clock: ManualClock) -> None:
    made = _deployment(clock)
    async with store.write() as tx:
        await tx.add_deployment(made)
        await tx.add_replica(_replica(clock, "rep_1", made, state="failed"))
        await tx.add_replica(_replica(clock, "rep_2", made, state="ready"))
        await tx.forget_replicas(["rep_1", "rep_2"])
        assert [replica.id for replica in await tx.replicas(made.id)] == ["rep_2"]


async def test_a_fence_lets_only_the_newest_token_through(
    store: Deployments, database: Database, clock: ManualClock
) -> None:
    leases = SqlLeases(database, clock)
    first = (await leases.acquire({"leader": None}, "a", 10)).held["leader"]
    async with store.write() as tx:
        await tx.fence("leader", first)
    clock.advance(11)
    second = (await leases.acquire({"leader": None}, "b", 10)).held["leader"]
    async with store.write() as tx:
        await tx.fence("leader", second)
        with pytest.raises(Aborted, match="another process leads"):
            await tx.fence("leader", first)
