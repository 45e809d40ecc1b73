"""Deployments through the API."""

from datetime import UTC, datetime

import httpx
import pytest

from bms.adapters.sql.audit import SqlAudit
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.control.audit.service import AuditService
from bms.control.deployments.in_use import InUse
from bms.control.deployments.views.service import DeploymentViews
from bms.control.models.nouns import Gate, GateResult
from bms.core.clock import ManualClock
from bms.web.api.resources import audit, deployments
from tests.worlds.api import Api
from tests.worlds.deployments import Deployed, ObedientCluster


class World:
    def __init__(self, api: Api, deployed: Deployed) -> None:
        self.api = api
        self.deployed = deployed
        self.registry = deployed.registry

    @property
    def admin(self) -> httpx.AsyncClient:
        return self.api.as_admin


@pytest.fixture
async def world(sqlite: Database, clock: ManualClock) -> World:
    deployed = Deployed(sqlite, clock, ObedientCluster(clock))
    views = DeploymentViews(deployed.store, deployed.catalog, clock, deployed.reports.of)
    more = deployments.endpoints(deployed.service, views)
    more += audit.endpoints(AuditService(SqlStore(sqlite, SqlAudit)))
    api = await Api(sqlite, clock, more).start()
    await deployed.registry.add_model()
    for number in (1, 2):
        await deployed.registry.add_version(number)
    await deployed.registry.point("production", 1)
    await deployed.publisher.start()
    return World(api, deployed)


async def test_by_default_the_alias_production_is_followed(world: World) -> None:
    made = await world.admin.post("/deployments", json={"name": "digits", "model": "m"})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert made.json()["spec"]["targets"] == [{"alias": "production", "version": None, "weight": 100}]
    again = await world.admin.post("/deployments", json={"name": "digits", "model": "m"})
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"model": "m", "colour": 1}, 400, "unknown field"),
        ({"model": "nothing"}, 404, "no model 'nothing'"),
        ({"model": "m", "alias": "beta"}, 404, "no alias 'beta'; its aliases: production"),
        ({"model": "m", "alias": "production", "version": 1}, 400, "only one of them"),
        ({"model": "m", "version": 9}, 404, "no version 9"),
        ({"model": "m", "version": 3}, 412, "version 3 of 'm' is rejected (it crashed)"),
        ({"model": "m", "targets": [{"version": 1, "weight": 50}]}, 400, "add up to 100"),
        ({"model": "m", "targets": [{"version": 1, "alias": "production"}]}, 400, "exactly one"),
        ({"model": "m", "targets": [{"version": 1, "weight": 50}, {"version": 1, "weight": 50}]}, 400, "two targets"),
        ({"model": "m", "replicas": 0}, 400, "replicas is 0"),
        ({"model": "m", "resources": {"cpu": 0}}, 400, "cpu is 0"),
        ({"model": "m", "drain_s": -1}, 400, "drain_s is -1"),
        ({"model": "m", "start_timeout_s": 0}, 400, "start_timeout_s is 0"),
        ({"model": "m", "batching": {"max_rows": 0}}, 400, "max_rows is 1 to"),
        ({"model": "m", "batching": {"policy": "best"}}, 400, "Invalid enum value 'best'"),
        ({"model": "m", "batching": {"sizes": [16, 4]}}, 400, "each larger than the one before"),
        ({"model": "m", "batching": {"objective_s": 0}}, 400, "objective_s is 0.001 to 60 seconds"),
        ({"model": "m", "max_in_flight": 0}, 400, "max_in_flight is 0"),
    ],
)
async def test_wrong_bodies_are_named(world: World, body: dict[str, object], status: int, words: str) -> None:
    await world.registry.add_version(3, state="rejected", reason="it crashed")
    answer = await world.admin.post("/deployments", json={"name": "digits", **body})
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert (await world.admin.get("/deployments")).json()["items"] == []


GATE = Gate(metric="accuracy", dataset="digits", minimum=0.9)


def _measured(value: float | None, reason: str = "") -> GateResult:
    return GateResult(
        metric="accuracy", dataset="digits@1", split="validation", minimum=0.9, value=value, job="job_1",
        at=datetime(2026, 1, 1, tzinfo=UTC), reason=reason,
    )  # fmt: skip


@pytest.fixture
async def gated(world: World) -> World:
    """Model `g`: version 1 passes its gate, 2 fails it, 3 can't be measured, 4 was not; the alias names the second."""
    await world.registry.add_model("g", "default", GATE)
    results = {1: (_measured(0.95),), 2: (_measured(0.5),), 3: (_measured(None, "it lacks 'x'"),), 4: ()}
    for number, found in results.items():
        await world.registry.add_version(number, "g", gate_results=found)
    await world.registry.point("production", 2, "g")
    return world


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (2, "accuracy on digits (validation) is 0.5, at least 0.9 is asked. Choose another version, or let an"),
        (3, "can't be measured, at least 0.9 is asked: it lacks 'x'"),
        (4, "was not measured, at least 0.9 is asked. Measure it by `bms model evaluate g 4 --wait`, choose another"),
    ],
)
async def test_a_version_that_did_not_pass_its_gates_is_not_deployed(gated: World, number: int, words: str) -> None:
    refused = await gated.admin.post("/deployments", json={"name": "d", "model": "g", "version": number})
    assert (refused.status_code, words in refused.json()["detail"]) == (412, True), refused.text
    assert (await gated.admin.put("/deployments/d", json={"model": "g", "version": 1})).status_code == 200
    split = {"model": "g", "targets": [{"version": 1, "weight": 90}, {"version": number, "weight": 10}]}
    assert (await gated.admin.put("/deployments/d", json=split)).status_code == 412
    other = await gated.admin.put("/deployments/d", json={"model": "m", "version": 2})
    assert other.status_code == 200, "of another model, which asks for nothing"


async def test_admins_may_pass_over_gates_and_the_audit_says_so(gated: World) -> None:
    await gated.admin.post("/users", json={"name": "dev", "role": "developer"})
    developer = gated.api.client(await gated.api.key_of(gated.admin, user="dev"))
    body = {"model": "g", "version": 2, "force": True}
    refused = await developer.put("/deployments/d", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "PERMISSION_DENIED")
    assert (await gated.admin.put("/deployments/d", json=body)).status_code == 200
    assert (await gated.admin.put("/deployments/d", json={**body, "version": 3})).status_code == 200
    told = (await gated.admin.get("/audit", params={"subject": "d"})).json()["items"]
    assert [(entry["name"], entry["details"]["forced"]) for entry in told] == [
        ("deployment.changed", True), ("deployment.created", True),
    ]  # fmt: skip


async def test_what_is_served_already_is_not_asked_again(gated: World) -> None:
    """Its settings may be changed, it may be returned to, stopped and started; an alias was asked when it moved."""
    assert (await gated.admin.post("/deployments", json={"name": "d", "model": "g"})).status_code == 201, "by alias"
    forced = {"model": "g", "version": 2, "force": True}
    assert (await gated.admin.put("/deployments/e", json=forced)).status_code == 200
    assert (
        await gated.admin.put("/deployments/e", json={"model": "g", "version": 2, "replicas": 2})
    ).status_code == 200
    assert (await gated.admin.put("/deployments/e", json={"model": "g", "version": 1})).status_code == 200
    assert (await gated.admin.put("/deployments/e", json={"model": "g", "version": 2})).status_code == 412
    for deed in ("rollback", "stop", "start"):
        answer = await gated.admin.post(f"/deployments/e/{deed}", json={} if deed == "rollback" else None)
        assert answer.status_code == 200, answer.text


async def test_a_name_becomes_part_of_urls(world: World) -> None:
    answer = await world.admin.post("/deployments", json={"name": "Not A Name", "model": "m"})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert (await world.admin.put("/deployments/Not%20A%20Name", json={"model": "m"})).status_code == 400


async def test_put_makes_changes_and_repeats_without_effect(world: World) -> None:
    first = await world.admin.put("/deployments/digits", json={"model": "m"})
    same = await world.admin.put("/deployments/digits", json={"model": "m"})
    assert first.json() == same.json()
    changed = await world.admin.put(
        "/deployments/digits", json={"model": "m", "replicas": 2}, headers={"if-match": first.headers["etag"]}
    )
    assert (changed.json()["revision"], changed.json()["spec"]["replicas"]) == (2, 2)
    stale = await world.admin.put(
        "/deployments/digits", json={"model": "m"}, headers={"if-match": first.headers["etag"]}
    )
    assert (stale.status_code, stale.json()["code"]) == (409, "ABORTED")
    nothing = await world.admin.put("/deployments/other", json={"model": "m"}, headers={"if-match": '"1"'})
    assert nothing.status_code == 404


async def test_rollback_pins_the_versions_that_were_served(world: World) -> None:
    await world.admin.put("/deployments/digits", json={"model": "m"})
    nothing = await world.admin.post("/deployments/digits/rollback", json={})
    assert (nothing.status_code, nothing.json()["code"]) == (412, "FAILED_PRECONDITION")
    await world.deployed.settle()
    await world.registry.point("production", 2)
    await world.deployed.settle()
    assert await world.deployed.traffic() == {2: 100}
    back = await world.admin.post("/deployments/digits/rollback", json={})
    assert back.json()["spec"]["targets"] == [{"alias": None, "version": 1, "weight": 100}]
    await world.deployed.settle()
    assert await world.deployed.traffic() == {1: 100}
    listed = (await world.admin.get("/deployments/digits/revisions")).json()["items"]
    assert [(row["number"], row["versions"], row["cause"]) for row in listed] == [
        (3, [1], "rolled back to revision 1"),
        (2, [2], "alias production moved to 2"),
        (1, [1], "created"),
    ]
    await world.registry.point("production", 1)
    await world.registry.point("production", 2)
    await world.deployed.settle()
    assert await world.deployed.traffic() == {1: 100}, "a pinned version does not follow"
    forward = await world.admin.post("/deployments/digits/rollback", json={"to": 2})
    assert forward.json()["spec"]["targets"][0]["version"] == 2
    assert (await world.admin.post("/deployments/digits/rollback", json={"to": 99})).status_code == 404


async def test_a_withdrawn_version_is_not_returned_to(world: World) -> None:
    version = await world.registry.add_version(3)
    await world.admin.put("/deployments/digits", json={"model": "m", "version": 3})
    await world.admin.put("/deployments/digits", json={"model": "m", "version": 2})
    await world.registry.withdraw(version)
    answer = await world.admin.post("/deployments/digits/rollback", json={})
    assert (answer.status_code, "version 3 of 'm' is offline" in answer.json()["detail"]) == (412, True)


async def test_status_tells_people_how_it_is_doing(world: World) -> None:
    await world.admin.put("/deployments/digits", json={"model": "m"})
    before = (await world.admin.get("/deployments/digits/status")).json()
    assert (before["state"], before["replicas"]) == ("starting", [])
    await world.deployed.settle()
    seen = (await world.admin.get("/deployments/digits/status")).json()
    assert (seen["state"], seen["message"], seen["path"]) == (
        "serving",
        "version 1 answers",
        "/v1/models/digits:predict",
    )
    (replica,) = seen["replicas"]
    assert (replica["state"], replica["answering"], replica["requests"], seen["requests"]) == ("ready", True, 3, 3)
    assert "address" not in replica, "where a model server listens is nobody's business"


async def test_a_deleted_one_is_gone_and_its_name_free(world: World) -> None:
    await world.admin.put("/deployments/digits", json={"model": "m"})
    assert (await world.admin.delete("/deployments/digits", headers={"if-match": '"7"'})).status_code == 409
    assert (await world.admin.delete("/deployments/digits")).json()["deleted"] is True
    for path in ("", "/status", "/revisions"):
        assert (await world.admin.get(f"/deployments/digits{path}")).status_code == 404
    assert (await world.admin.delete("/deployments/digits")).status_code == 404
    assert (await world.admin.put("/deployments/digits", json={"model": "m"})).status_code == 200


async def test_another_tenant_sees_and_changes_nothing(world: World) -> None:
    await world.admin.put("/deployments/digits", json={"model": "m"})
    made = (await world.admin.post("/tenants", json={"id": "acme"})).json()
    acme = world.api.client(made["key"]["text"])
    assert (await acme.get("/deployments")).json()["items"] == []
    for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/status"), ("GET", "/revisions"), ("POST", "/rollback")]:
        assert (await acme.request(method, f"/deployments/digits{path}")).status_code == 404
    assert (await acme.put("/deployments/digits", json={"model": "m"})).status_code == 404, "nor its models"


async def test_a_viewer_reads_and_does_not_write(world: World) -> None:
    await world.admin.put("/deployments/digits", json={"model": "m"})
    await world.admin.post("/users", json={"name": "eve", "role": "viewer"})
    eve = world.api.client(await world.api.key_of(world.admin, user="eve"))
    assert (await eve.get("/deployments/digits/status")).status_code == 200
    for method, path in [("PUT", ""), ("DELETE", ""), ("POST", "/rollback")]:
        answer = await eve.request(method, f"/deployments/digits{path}", json={"model": "m"})
        assert answer.status_code == 403


async def test_listing_is_by_name_and_filtered_by_model(world: World) -> None:
    await world.registry.add_model("n")
    await world.registry.add_version(1, "n")
    for name, model in (("b", "m"), ("a", "m"), ("c", "n")):
        await world.admin.put(f"/deployments/{name}", json={"model": model, "version": 1})
    listed = await world.admin.get("/deployments", params={"limit": 2})
    assert [row["name"] for row in listed.json()["items"]] == ["a", "b"]
    assert {(each["state"], each["message"]) for each in listed.json()["items"]} == {
        ("starting", "version 1 is starting (0 of 1 replicas ready)")
    }
    await world.deployed.settle()
    served = (await world.admin.get("/deployments")).json()["items"]
    assert {(each["state"], each["message"]) for each in served} == {("serving", "version 1 answers")}
    rest = await world.admin.get("/deployments", params={"cursor": listed.json()["next"]})
    assert [row["name"] for row in rest.json()["items"]] == ["c"]
    only = await world.admin.get("/deployments", params={"model": "n"})
    assert [row["name"] for row in only.json()["items"]] == ["c"]


USED = "deployment 'digits' (`bms deployment delete digits` removes it)"


async def test_models_learn_who_uses_a_version_or_follows_an_alias(world: World) -> None:
    in_use = InUse(world.deployed.store, world.deployed.catalog)
    assert await in_use.version("default", "m", 1) is None
    await world.admin.put("/deployments/digits", json={"model": "m", "keep_previous_s": 5})
    assert await in_use.version("default", "m", 1) == USED
    assert await in_use.version("default", "m", 2) is None
    assert await in_use.version("acme", "m", 1) is None
    assert await in_use.alias("default", "m", "production") == "deployment 'digits'"
    assert await in_use.alias("default", "m", "beta") is None
    await world.deployed.settle()
    await world.registry.point("production", 2)
    await world.deployed.settle()
    assert await in_use.version("default", "m", 1) == USED, "it is still loaded"
    for _ in range(6):
        world.deployed.clock.advance(6)  # type: ignore[attr-defined]
        await world.deployed.step()
    assert await in_use.version("default", "m", 1) is None


async def test_the_audit_tells_who_did_what(world: World) -> None:
    await world.admin.put("/deployments/digits", json={"model": "m"})
    await world.deployed.settle()
    entries = (await world.admin.get("/audit", params={"subject": "digits"})).json()["items"]
    names = [entry["name"] for entry in entries]
    assert names[-1] == "deployment.created"
    assert {"replica.started", "replica.ready", "deployment.switched"} < set(names)
    assert entries[-1]["actor"] == world.api.admin.owner.id
    only = (await world.admin.get("/audit", params={"name": "deployment.created"})).json()["items"]
    assert [entry["subject"] for entry in only] == ["digits"]
    await world.admin.post("/users", json={"name": "dev", "role": "developer"})
    dev = world.api.client(await world.api.key_of(world.admin, user="dev"))
    assert (await dev.get("/audit")).status_code == 403
