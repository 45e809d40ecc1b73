"""What replicas wrote, through the API and both clients."""

import asyncio
from collections.abc import AsyncIterator, Collection

import pytest

from bms.adapters.sql.database.engine import Database
from bms.control.deployments.logs import ReplicaLogService
from bms.core.clock import ManualClock
from bms.core.errors import NotFound
from bms.web.api.endpoint import Endpoint
from bms.web.api.resources import deployments, replicas
from tests.peers.callers import KINDS, Caller
from tests.peers.server import served
from tests.worlds.api import Api
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal

BY = principal()


class Written:
    """`ReplicaLogs` in memory."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}
        self.kept: list[str] = []
        self._heard: dict[str, asyncio.Event] = {}

    async def heard(self, workload: str) -> None:
        """Returns once all of its text was read."""
        await self._heard.setdefault(workload, asyncio.Event()).wait()

    async def read(self, workload: str, offset: int, limit: int) -> tuple[bytes, int] | None:
        text = self.texts.get(workload)
        if text is None:
            return None
        piece = text[offset : offset + min(limit, 8)]
        if piece and offset + len(piece) == len(text):
            self._heard.setdefault(workload, asyncio.Event()).set()
        return piece, offset + len(piece)

    async def keep(self, workload: str) -> None:
        self.kept.append(workload)

    async def drop(self, workloads: Collection[str]) -> None:
        for workload in workloads:
            self.texts.pop(workload, None)


class World:
    def __init__(self, deployed: Deployed, written: Written, api: Api, url: str, clock: ManualClock) -> None:
        self.deployed, self.written, self.api, self.url, self.clock = deployed, written, api, url, clock

    async def crash(self) -> str:
        """Ends the replica that runs; the one that came in its place."""
        (before,) = self.deployed.cluster.running(1)
        self.deployed.cluster.end(before, 1)
        while not self.deployed.cluster.running(1):
            await self.deployed.settle()
            self.clock.advance(1)  # until it is tried again
        await self.deployed.settle()
        return await self.running()

    async def running(self) -> str:
        (one,) = self.deployed.cluster.running(1)
        return str(one)


@pytest.fixture
async def world(sqlite: Database, clock: ManualClock) -> AsyncIterator[World]:
    written = Written()
    deployed = Deployed(sqlite, clock, ObedientCluster(clock), logs=written)
    more: list[Endpoint] = [*replicas.endpoints(ReplicaLogService(deployed.store, written))]
    more += deployments.endpoints(deployed.service, None)  # type: ignore[arg-type]
    api = await Api(sqlite, clock, more).start()
    await deployed.registry.add_model()
    await deployed.registry.add_version(1)
    await deployed.registry.point("production", 1)
    await deployed.publisher.start()
    await deployed.service.create(BY, "digits", follow())
    await deployed.settle()
    async with served(api.app) as url:
        yield World(deployed, written, api, url, clock)


@pytest.fixture(params=KINDS)
async def admin(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Caller]:
    caller = Caller(request.param, world.url, world.api.admin.key.text)
    yield caller
    await caller.close()


async def text(admin: Caller, **asked: object) -> str:
    pieces = await admin.items(lambda c: c.deployments.logs("digits", **asked))
    return b"".join(piece.content for piece in pieces).decode()


async def test_the_log_of_a_crashed_replica_is_there_beside_that_of_the_next(world: World, admin: Caller) -> None:
    first = await world.running()
    world.written.texts[first] = b"loading the model\nit crashed\n"
    second = await world.crash()
    world.written.texts[second] = b"loading it again\n"
    assert world.written.kept == [first], "before its process was forgotten"
    assert first not in world.deployed.cluster.workloads
    told = await admin.call(lambda c: c.deployments.replicas("digits"))
    assert [(one.id, one.version, one.state) for one in told] == [(first, 1, "failed"), (second, 1, "ready")]
    assert told[0].ended_at is not None
    assert await text(admin) == "loading it again\n"
    assert await text(admin, previous=True) == "loading the model\nit crashed\n"
    assert await text(admin, replica=first, follow=True) == "loading the model\nit crashed\n", "ends where it ended"
    with pytest.raises(NotFound, match=f"has no replica 'rep-x' .any more.: it has {first}, {second}"):
        await text(admin, replica="rep-x")


async def test_a_log_is_followed_from_one_replica_to_the_next_until_the_deployment_goes(
    world: World, admin: Caller
) -> None:
    first = await world.running()
    world.written.texts[first] = b"one\n"
    following = asyncio.create_task(text(admin, follow=True))
    await world.written.heard(first)
    world.written.texts[first] += b"two\n"
    second = await world.crash()
    world.written.texts[second] = b"three\n"
    third = await world.crash()
    world.written.texts[third] = b"four\n"
    await world.written.heard(third)
    await world.deployed.service.delete(BY, "digits")
    assert (await following).splitlines() == ["one", "two", "three", "four"]


async def test_a_stopped_deployment_shows_its_last_replica_and_one_without_any_says_so(
    world: World, admin: Caller
) -> None:
    with pytest.raises(NotFound, match="no replica of deployment 'digits' has ended yet"):
        await text(admin, previous=True)
    world.written.texts[await world.running()] = b"goodbye\n"
    await world.deployed.service.stop(BY, "digits")
    while world.deployed.cluster.workloads:
        await world.deployed.step()
        world.clock.advance(1)  # until it has drained
    assert await text(admin) == "goodbye\n"
    with pytest.raises(NotFound, match="no deployment 'nothing'"):
        await admin.items(lambda c: c.deployments.logs("nothing"))


async def test_a_deleted_deployment_leaves_no_logs(world: World) -> None:
    first = await world.running()
    world.written.texts[first] = b"first\n"
    second = await world.crash()
    world.written.texts[second] = b"second\n"
    await world.deployed.service.delete(BY, "digits")
    while world.deployed.cluster.workloads:
        await world.deployed.step()
        world.clock.advance(1)
    assert first not in world.written.texts
    assert world.written.kept == [first], "what ended after that is not even kept"


async def test_places_are_checked_and_tenants_kept_apart(world: World) -> None:
    replica = await world.running()
    world.written.texts[replica] = b"ours\n"
    path = f"/deployments/digits/replicas/{replica}/log"
    async with world.api.as_admin as client:
        answer = await client.get(path, params={"offset": 2})
        assert (answer.content, answer.headers["x-next-offset"], answer.headers["x-replica-state"]) == (
            b"rs\n",
            "5",
            "ready",
        )
        wrong = await client.get(path, params={"offset": -1})
        assert (wrong.status_code, "expected 0 or more" in wrong.text) == (400, True)
        rival = (await client.post("/tenants", json={"id": "rival"})).json()["key"]["text"]
        narrow = await world.api.key_of(client, scopes=["models:read"])
    async with world.api.client(rival) as client:
        assert (await client.get(path)).status_code == 404
    async with world.api.client(narrow) as client:
        assert (await client.get(path)).status_code == 403
