"""The SDK against the real API over real HTTP: the blocking and the asyncio client do the same."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bms.adapters.objects.memory import MemoryObjectStore
from bms.adapters.sql.database.engine import Database
from bms.core.clock import ManualClock
from bms.core.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from bms.sdk import AsyncClient
from bms.web.api.resources import blobs
from tests.peers.callers import KINDS, Caller
from tests.peers.server import served
from tests.worlds.api import Api


@pytest.fixture
async def api(sqlite: Database, clock: ManualClock) -> Api:
    return await Api(sqlite, clock, blobs.endpoints(MemoryObjectStore())).start()


@pytest.fixture
async def url(api: Api) -> AsyncIterator[str]:
    async with served(api.app) as url:
        yield url


@pytest.fixture(params=KINDS)
async def admin(request: pytest.FixtureRequest, api: Api, url: str) -> AsyncIterator[Caller]:
    caller = Caller(request.param, url, api.admin.key.text)
    yield caller
    await caller.close()


async def test_a_key_is_made_listed_and_revoked(admin: Caller, clock: ManualClock) -> None:
    expires = clock.now() + timedelta(hours=1)
    made = await admin.call(
        lambda c: c.keys.create("ci", scopes=frozenset({"models:read"}), expires_at=expires, rate_per_s=5.0)
    )
    assert made.text.startswith(made.key.id + ".")
    assert (made.key.expires_at, made.key.rate_per_s, made.key.scopes) == (expires, 5.0, {"models:read"})
    assert made.key in await admin.items(lambda c: c.keys.list())
    revoked = await admin.call(lambda c: c.keys.revoke(made.key.id))
    assert revoked.revoked_at == clock.now()
    assert await admin.call(lambda c: c.keys.get(made.key.id)) == revoked


async def test_listings_run_over_all_pages(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bms.sdk.binding.resources.PAGE", 2)
    for index in range(5):
        await admin.call(lambda c, name=f"user{index}": c.users.create(name, role="viewer"))
    names = [user.name for user in await admin.items(lambda c: c.users.list())]
    assert sorted(names) == ["admin", *(f"user{index}" for index in range(5))]


async def test_errors_of_the_api_arrive_as_what_they_are(admin: Caller, url: str) -> None:
    await admin.call(lambda c: c.users.create("dev"))
    with pytest.raises(AlreadyExists, match="dev"):
        await admin.call(lambda c: c.users.create("dev"))
    with pytest.raises(NotFound, match="no user 'nobody'"):
        await admin.call(lambda c: c.users.get("nobody"))
    with pytest.raises(InvalidArgument, match="lower-case"):
        await admin.call(lambda c: c.users.create("Not A Name"))
    with pytest.raises(NotFound):
        await admin.call(lambda c: c.users.get("../tenants"))


async def test_a_revision_guards_an_update(admin: Caller) -> None:
    user = await admin.call(lambda c: c.users.create("dev"))
    changed = await admin.call(lambda c: c.users.change("dev", role="viewer", revision=user.revision))
    assert (changed.role, changed.revision) == ("viewer", 2)
    with pytest.raises(Aborted):
        await admin.call(lambda c: c.users.change("dev", disabled=True, revision=user.revision))


async def test_who_am_i(admin: Caller, api: Api) -> None:
    me = await admin.call(lambda c: c.tenants.whoami())
    assert (me.tenant, me.user, me.key) == ("default", api.admin.owner.id, api.admin.key.key.id)


async def test_another_tenant_is_another_world(admin: Caller, url: str) -> None:
    acme = await admin.call(lambda c: c.tenants.create("acme", owner="boss"))
    assert {tenant.id for tenant in await admin.items(lambda c: c.tenants.list())} == {"default", "acme"}
    async with AsyncClient(url, acme.key.text) as client:
        assert [user.name async for user in client.users.list()] == ["boss"]
        with pytest.raises(PermissionDenied):
            await client.tenants.create("mine")


async def test_without_a_good_key_nothing_is_told(url: str) -> None:
    for key in (None, "bmsk_x.y"):
        async with AsyncClient(url, key) as client:
            with pytest.raises(Unauthenticated):
                await client.tenants.whoami()


async def test_the_latencies_of_calls_are_kept(admin: Caller) -> None:
    assert admin.client.latency("api") is None
    for _ in range(3):
        await admin.call(lambda c: c.tenants.whoami())
    told = admin.client.latency("api")
    assert told.count == 3
    assert 0 < told.p50 <= told.p99 <= told.max


async def test_many_calls_at_once_share_one_client(admin: Caller) -> None:
    names = [f"key{index}" for index in range(20)]
    made = await asyncio.gather(*(admin.call(lambda c, name=name: c.keys.create(name)) for name in names))
    assert len({each.key.id for each in made}) == 20


async def test_a_user_is_deleted_with_its_keys(admin: Caller, url: str) -> None:
    await admin.call(lambda c: c.users.create("bob"))
    made = await admin.call(lambda c: c.keys.create("bobs", user="bob"))
    await admin.call(lambda c: c.users.delete("bob"))
    assert [user.name for user in await admin.items(lambda c: c.users.list())] == ["admin"]
    with pytest.raises(NotFound):
        await admin.call(lambda c: c.keys.get(made.key.id))
    async with AsyncClient(url, made.text) as client:
        with pytest.raises(Unauthenticated):
            await client.tenants.whoami()
    with pytest.raises(FailedPrecondition, match="'admin' is the user whose key asks"):
        await admin.call(lambda c: c.users.delete("admin"))
    await admin.call(lambda c: c.users.create("second", role="owner"))
    narrow = await admin.call(lambda c: c.keys.create("narrow", user="second", scopes=frozenset({"users:write"})))
    async with AsyncClient(url, narrow.text) as second:  # whose key could make no other afterwards
        with pytest.raises(FailedPrecondition, match="no other owner than admin has a key"):
            await second.users.delete("admin")
        await second.users.delete("admin", force=True)


async def test_a_tenant_is_deleted_and_its_name_stays_taken(admin: Caller, url: str) -> None:
    acme = await admin.call(lambda c: c.tenants.create("acme"))
    gone = await admin.call(lambda c: c.tenants.delete("acme", force=True))
    assert gone.deleted_at is not None
    assert (await admin.call(lambda c: c.tenants.get("acme"))).removed_at is None, "nobody removes it here"
    assert [tenant.id for tenant in await admin.items(lambda c: c.tenants.list())] == ["default"]
    assert [tenant.id for tenant in await admin.items(lambda c: c.tenants.list(all=True))] == ["acme", "default"]
    async with AsyncClient(url, acme.key.text) as client:
        with pytest.raises(Unauthenticated):
            await client.tenants.whoami()
    with pytest.raises(AlreadyExists, match="was deleted, and its books stay"):
        await admin.call(lambda c: c.tenants.create("acme"))


async def test_the_last_way_into_a_tenant_is_not_removed_unasked(admin: Caller, api: Api) -> None:
    owner, key = api.admin.owner, api.admin.key.key
    with pytest.raises(FailedPrecondition, match=f"{key.id} is the last key"):
        await admin.call(lambda c: c.keys.revoke(key.id))
    for change in ({"disabled": True}, {"role": "viewer"}):
        with pytest.raises(FailedPrecondition, match="admin is the last owner of this tenant"):
            await admin.call(lambda c, change=change: c.users.change("admin", **change))
    await admin.call(lambda c: c.users.create("second", role="owner"))
    with pytest.raises(FailedPrecondition, match="no other owner than admin has a key"):
        await admin.call(lambda c: c.users.change("admin", disabled=True))
    spare = await admin.call(lambda c: c.keys.create("spare", user="second"))
    demoted = await admin.call(lambda c: c.users.change("admin", role="admin"))
    assert (demoted.id, demoted.role) == (owner.id, "admin")
    async with api.client(spare.text) as second:
        refused = await second.post(f"/keys/{spare.key.id}/revoke")
        assert (refused.status_code, "`--force`" in refused.json()["detail"]) == (412, True)
        insisted = await second.post(f"/keys/{spare.key.id}/revoke", params={"force": "true"})
        assert insisted.json()["revoked_at"] is not None
    _, told = (await api.events.since(0))[-1]
    assert (told.name, told.subject, told.details) == ("key.revoked", spare.key.id, {"forced": True})


async def test_who_insists_removes_even_the_last(admin: Caller, api: Api) -> None:
    gone = await admin.call(lambda c: c.keys.revoke(api.admin.key.key.id, force=True))
    assert gone.revoked_at is not None


async def test_an_upload_with_a_bad_key_says_what_the_api_says(admin: Caller, url: str, tmp_path: Path) -> None:
    """An answer to HEAD, by which an upload begins, has no body to say it in."""
    (tmp_path / "file").write_bytes(b"content")
    weak = await admin.call(lambda c: c.keys.create("weak", scopes=frozenset({"models:read"})))
    for key, refusal, words in (("bms_wrong", Unauthenticated, "key"), (weak.text, PermissionDenied, "blobs:write")):
        async with AsyncClient(url, key) as client:
            with pytest.raises(refusal, match=words) as refused:
                await client.blobs.put_tree(tmp_path / "file")
            assert "without saying why" not in refused.value.message


async def test_numbers_beyond_63_bits_are_refused_by_name(api: Api) -> None:
    async with api.as_admin as client:
        refused = await client.get("/keys", params={"limit": "99999999999999999999"})
        assert (refused.status_code, "limit is 99999999999999999999" in refused.json()["detail"]) == (400, True)
        refused = await client.post("/keys", json={"name": "k", "burst": 2**64})
        assert (refused.status_code, "burst is 1844" in refused.json()["detail"]) == (400, True)
