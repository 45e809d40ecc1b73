"""What follows from events and was not done, through the API: the operator alone looks, retries, dismisses."""

from collections.abc import AsyncIterator

import httpx
import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.reactions import SqlReactions
from bms.adapters.sql.store import SqlStore
from bms.app.control.event_catalogue import CATALOGUE
from bms.control.models.events import VersionUploaded
from bms.control.monitoring.reactions import ReactionService
from bms.control.platform.handlers import Handlers
from bms.control.platform.reactions import ReactionLoop
from bms.core.clock import ManualClock
from bms.core.errors import NotFound, PermissionDenied, Unavailable
from bms.core.events import Event, Recorded
from bms.core.pages import PageRequest
from bms.web.api.resources import reactions as doors
from tests.worlds.api import Api
from tests.worlds.features import ANN


class House:
    """A platform of which one handler does what tests say of each version."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.clock = clock
        self.store = SqlStore(database, SqlReactions)
        handlers = Handlers(CATALOGUE)
        handlers.on(VersionUploaded, "verification", self._verify)
        self.service = ReactionService(self.store, clock, operator="default", handlers=["gates", "verification"])
        self.api = Api(database, clock, doors.endpoints(self.service))
        self.reactions = ReactionLoop(self.api.events, self.store, handlers, clock, "default", share=lambda: 0.0)
        self.troubles: dict[str, Exception] = {}
        self.done: list[str] = []

    async def _verify(self, event: Event[VersionUploaded]) -> None:
        if (trouble := self.troubles.get(event.subject)) is not None:
            raise trouble
        self.done.append(f"{event.subject} {event.payload.number}")

    async def upload(self, *versions: str) -> None:
        for number, version in enumerate(versions, 1):
            payload = VersionUploaded(model="m", number=number)
            event = Event(payload=payload, tenant="acme", subject=version, actor="ann", at=self.clock.now())
            async with self.store.write() as tx:
                await tx.emit(event)
        await self.reactions.run_until_idle()

    async def events(self, name: str) -> list[Recorded]:
        return [row for _, row in await self.api.events.since(0) if row.name == name]


@pytest.fixture
async def house(database: Database, clock: ManualClock) -> House:
    made = House(database, clock)
    await made.api.start()
    return made


@pytest.fixture
async def admin(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.api.as_admin as client:
        yield client


async def _listed(client: httpx.AsyncClient, query: str = "") -> list[dict[str, object]]:
    answer = await client.get(f"/system/reactions{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_what_waits_and_what_is_dead_is_listed_with_the_reason(house: House, admin: httpx.AsyncClient) -> None:
    house.troubles = {"v1": Unavailable("the folder of objects is away"), "v2": NotFound("gone")}
    await house.upload("v1", "v2", "v1", "v3")
    assert house.done == ["v3 4"]
    told = [(each["about"], each["state"], each["tries"], each["error"]) for each in await _listed(admin)]
    assert told == [
        ("v1", "waiting", 1, "the folder of objects is away"),
        ("v2", "dead", 1, "gone"),
        ("v1", "waiting", 0, ""),
    ]
    assert [each["about"] for each in await _listed(admin, "?state=dead")] == ["v2"]
    (first,) = await _listed(admin, "?limit=1")
    page = (await admin.get("/system/reactions?limit=1")).json()
    rest = await _listed(admin, f"?cursor={page['next']}")
    assert [first["about"], *(each["about"] for each in rest)] == ["v1", "v2", "v1"]
    refused = await admin.get("/system/reactions?state=asleep")
    assert (refused.status_code, "expected waiting or dead" in refused.text) == (400, True)
    view = await house.service.view()
    assert (view.waiting, view.dead, view.dead_since) == (2, 1, house.clock.now())
    house.clock.advance(30)
    text = await house.service.metrics()
    assert 'bms_reactions{handler="verification",state="waiting"} 2\n' in text
    assert 'bms_reactions{handler="gates",state="dead"} 0\n' in text
    assert 'bms_reactions_oldest_seconds{handler="verification",state="dead"} 30\n' in text


async def test_a_retried_one_is_handled_again_by_just_that_handler(house: House, admin: httpx.AsyncClient) -> None:
    house.troubles = {"v1": Unavailable("away"), "v2": NotFound("gone")}
    await house.upload("v1", "v2")
    waiting, dead = await _listed(admin)
    house.troubles.clear()
    for each in (waiting, dead):
        answer = await admin.post(f"/system/reactions/{each['id']}/retry")
        assert (answer.status_code, answer.json()["state"], answer.json()["tries"]) == (200, "waiting", 0)
    await house.reactions.run_until_idle()
    assert sorted(house.done) == ["v1 1", "v2 2"], "before its time would have come"
    assert await _listed(admin) == []
    told = await house.events("reaction.retried")
    assert [(row.tenant, row.details["about"]) for row in told] == [
        ("acme", "v1"),
        ("default", "v1"),
        ("acme", "v2"),
        ("default", "v2"),
    ]
    assert {row.actor for row in told} == {house.api.admin.owner.id}
    again = await admin.post(f"/system/reactions/{dead['id']}/retry")
    assert (again.status_code, "bms reaction list" in again.text) == (404, True)


async def test_a_dismissed_one_is_forgotten_and_what_waits_behind_it_goes_on(
    house: House, admin: httpx.AsyncClient
) -> None:
    house.troubles = {"v1": Unavailable("away")}
    await house.upload("v1", "v1")
    house.troubles.clear()
    first, _ = await _listed(admin)
    answer = await admin.post(f"/system/reactions/{first['id']}/dismiss")
    assert (answer.status_code, answer.json()["id"]) == (200, first["id"])
    await house.reactions.run_until_idle()
    assert (house.done, await _listed(admin)) == (["v1 2"], [])
    assert len(await house.events("reaction.dismissed")) == 2
    assert (await admin.post(f"/system/reactions/{first['id']}/dismiss")).status_code == 404


async def test_one_that_is_dead_again_is_a_dead_letter_again(house: House, admin: httpx.AsyncClient) -> None:
    house.troubles = {"v2": NotFound("gone")}
    await house.upload("v2")
    (dead,) = await _listed(admin)
    await admin.post(f"/system/reactions/{dead['id']}/retry")
    await house.reactions.run_until_idle()
    (still,) = await _listed(admin)
    assert (still["id"], still["state"], still["error"]) == (dead["id"], "dead", "gone")
    assert len(await house.events("reaction.given_up")) == 4


async def test_only_owners_of_the_operators_tenant_see_or_change_them(house: House, admin: httpx.AsyncClient) -> None:
    house.troubles = {"v2": NotFound("gone")}
    await house.upload("v2")
    (dead,) = await _listed(admin)
    other = (await admin.post("/tenants", json={"id": "acme"})).json()["key"]["text"]
    await admin.post("/users", json={"name": "dev", "role": "admin"})
    keys = {"another tenant's owner": other, "an admin": await house.api.key_of(admin, user="dev")}
    for key in keys.values():
        async with house.api.client(key) as client:
            for method, path in (("GET", ""), ("POST", f"/{dead['id']}/retry"), ("POST", f"/{dead['id']}/dismiss")):
                assert (await client.request(method, f"/system/reactions{path}")).status_code == 403
    assert len(await _listed(admin)) == 1
    with pytest.raises(PermissionDenied, match="who operate the platform"):
        await house.service.page(ANN, PageRequest())
