"""Stopping and starting deployments, and loading and unloading models, through the API."""

import asyncio

import httpx
import pytest

from bms.adapters.sql.database.engine import Database
from bms.control.deployments.repository import ModelRepository
from bms.control.deployments.views.service import DeploymentViews
from bms.core.clock import ManualClock, SystemClock
from bms.web.api.resources import deployments, repository
from tests.worlds.api import Api
from tests.worlds.deployments import Deployed, ObedientCluster


class World:
    def __init__(self, api: Api, deployed: Deployed) -> None:
        self.api = api
        self.deployed = deployed
        self.registry = deployed.registry
        self.told = True

    @property
    def admin(self) -> httpx.AsyncClient:
        return self.api.as_admin

    async def call(self, path: str, key: str | None = None, **more: object) -> httpx.Response:
        """POST on a path of the protocol, by default as the admin; control's loop runs meanwhile."""
        client = self.api.client(key or self.api.admin.key.text)
        asked = asyncio.create_task(client.post(f"http://api/v2/repository/models/{path}", **more))  # type: ignore[arg-type]
        while not asked.done():
            await self.deployed.step()
            await asyncio.sleep(0.02)
        return await asked

    async def rest(self) -> None:
        """Time goes by until draining replicas have ended."""
        for _ in range(6):
            self.deployed.clock.advance(6)  # type: ignore[attr-defined]
            await self.deployed.step()

    async def state(self, name: str = "digits") -> str:
        return str((await self.admin.get(f"/deployments/{name}/status")).json()["state"])


@pytest.fixture
async def world(sqlite: Database, clock: ManualClock) -> World:
    deployed = Deployed(sqlite, clock, ObedientCluster(clock))

    async def told() -> bool:
        return made.told

    views = DeploymentViews(deployed.store, deployed.catalog, clock, deployed.reports.of, told)
    more = deployments.endpoints(deployed.service, views)
    more += repository.endpoints(ModelRepository(deployed.service, views, deployed.events, SystemClock()))
    api = await Api(sqlite, clock, more).start()
    made = World(api, deployed)
    await made.registry.add_model()
    await made.registry.add_version(1)
    await made.registry.point("production", 1)
    await deployed.publisher.start()
    return made


async def test_stopping_keeps_the_name_and_its_settings(world: World) -> None:
    await world.admin.put("/deployments/digits", json={"model": "m", "replicas": 2})
    await world.deployed.settle()
    stopped = await world.admin.post("/deployments/digits/stop")
    assert stopped.status_code == 200
    assert (stopped.json()["spec"]["stopped"], stopped.json()["spec"]["replicas"]) == (True, 2)
    await world.rest()
    assert (await world.state(), await world.deployed.traffic()) == ("stopped", {})
    assert world.deployed.cluster.running(1) == []
    again = await world.admin.post("/deployments/digits/stop")
    assert again.json() == stopped.json(), "stopping what is stopped changes nothing"
    started = await world.admin.post("/deployments/digits/start")
    assert started.json()["spec"]["stopped"] is False
    await world.deployed.settle()
    assert (await world.state(), await world.deployed.traffic()) == ("serving", {1: 100})
    causes = [row["cause"] for row in (await world.admin.get("/deployments/digits/revisions")).json()["items"]]
    assert causes == ["started", "stopped", "created"]


async def test_a_stopped_deployment_is_served_again_by_whoever_changes_it(world: World) -> None:
    await world.registry.add_version(2)
    await world.admin.put("/deployments/digits", json={"model": "m", "version": 1})
    await world.admin.put("/deployments/digits", json={"model": "m", "version": 2})
    await world.admin.post("/deployments/digits/stop")
    back = await world.admin.post("/deployments/digits/rollback", json={})
    assert back.json()["spec"]["stopped"] is False
    await world.admin.post("/deployments/digits/stop")
    put = await world.admin.put("/deployments/digits", json={"model": "m", "version": 2})
    assert put.json()["spec"]["stopped"] is False
    await world.deployed.settle()
    assert await world.state() == "serving"


async def test_what_may_not_be_served_any_more_is_not_started(world: World) -> None:
    version = await world.registry.add_version(2)
    await world.admin.put("/deployments/digits", json={"model": "m", "version": 2})
    await world.admin.post("/deployments/digits/stop")
    await world.registry.withdraw(version)
    answer = await world.admin.post("/deployments/digits/start")
    assert (answer.status_code, "version 2 of 'm' is offline" in answer.json()["detail"]) == (412, True)
    stale = await world.admin.post("/deployments/digits/stop", headers={"if-match": '"1"'})
    assert stale.status_code == 409


async def test_loading_a_model_deploys_what_production_means_and_returns_when_it_serves(world: World) -> None:
    answer = await world.call("m/load", json={})
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert await world.state("m") == "serving"
    made = (await world.admin.get("/deployments/m")).json()
    assert made["spec"]["targets"] == [{"alias": "production", "version": None, "weight": 100}]
    assert (await world.call("m/load/")).status_code == 200
    assert (await world.admin.get("/deployments/m")).json()["revision"] == made["revision"]


async def test_unloading_returns_when_nobody_routes_to_it_and_loading_brings_it_back(world: World) -> None:
    await world.call("m/load")
    answer = await world.call("m/unload", json={"parameters": {"unload_dependents": True}})
    assert answer.status_code == 200
    assert (await world.state("m"), (await world.deployed.route("m")).shares) == ("stopped", ())
    assert (await world.call("m/load")).status_code == 200
    assert await world.state("m") == "serving"


async def test_whoever_waits_no_longer_is_told_that_it_goes_on(world: World) -> None:
    world.told = False
    answer = await world.call("m/load", headers={"x-request-timeout": "0.3"})
    assert answer.status_code == 504
    assert "it goes on" in answer.json()["error"]
    world.told = True
    async with asyncio.timeout(30):
        while await world.state("m") != "serving":  # a slow machine got less far in the time before
            await world.deployed.step()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("nothing/load", {}, 404, "no model 'nothing'"),
        ("nothing/unload", {}, 404, "no deployment 'nothing'"),
        ("m/load", {"parameters": {"config": "{}"}}, 501, "a configuration is not taken here"),
        ("m/load", {"parameters": {"file:1/model.onnx": "AA=="}}, 501, "bms model push"),
        ("m/load", {"parameters": {"speed": 1}}, 400, "unknown parameter 'speed'"),
        ("m/load", {"surprise": 1}, 400, "unknown field"),
        ("m/load", [], 400, "not what this path takes"),
    ],
)
async def test_refusals_are_in_the_protocols_own_words(
    world: World, path: str, body: object, status: int, said: str
) -> None:
    answer = await world.call(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert said in answer.json()["error"]


async def test_a_version_that_cannot_be_served_is_a_refusal_with_its_reason(world: World) -> None:
    world.deployed.cluster.broken.add(1)
    answer = await world.call("m/load")
    assert answer.status_code == 412
    assert "version 1 failed" in answer.json()["error"]


async def test_a_viewer_loads_nothing(world: World) -> None:
    await world.admin.post("/users", json={"name": "eve", "role": "viewer"})
    eve = await world.api.key_of(world.admin, user="eve")
    assert (await world.call("m/load", eve)).status_code == 403
    assert (await world.admin.get("/deployments/m")).status_code == 404
