"""Tenants, users and keys through the API."""

from datetime import timedelta

import pytest

from bms.adapters.sql.database.engine import Database
from bms.core.clock import ManualClock
from tests.worlds.api import Api


@pytest.fixture
async def api(sqlite: Database, clock: ManualClock) -> Api:
    return await Api(sqlite, clock).start()


async def test_a_key_acts_as_its_user_until_it_is_revoked(api: Api) -> None:
    admin = api.as_admin
    made = (await admin.post("/keys", json={"name": "ci", "scopes": ["models:read"]})).json()
    client = api.client(made["text"])
    assert (await client.get("/tenants")).status_code == 403
    other = api.client(await api.key_of(admin))
    assert (await other.get("/whoami")).json()["tenant"] == "default"
    revoked = await admin.post(f"/keys/{made['key']['id']}/revoke")
    assert revoked.json()["revoked_at"] is not None
    answer = await client.get("/whoami")
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert "revoked" in answer.json()["detail"]


async def test_an_expired_key_is_refused(api: Api, clock: ManualClock) -> None:
    text = await api.key_of(api.as_admin, expires_at=(clock.now() + timedelta(hours=1)).isoformat())
    assert (await api.client(text).get("/whoami")).status_code == 200
    clock.advance(3601)
    assert "expired" in (await api.client(text).get("/whoami")).json()["detail"]


async def test_secrets_are_never_listed(api: Api) -> None:
    text = await api.key_of(api.as_admin)
    listing = (await api.as_admin.get("/keys")).text
    assert text.split(".")[0] in listing
    assert text.split(".")[1] not in listing
    assert "digest" not in listing


async def test_nobody_grants_more_than_they_hold(api: Api) -> None:
    admin = api.as_admin
    await admin.post("/users", json={"name": "dev", "role": "developer"})
    await admin.post("/users", json={"name": "boss", "role": "admin"})
    boss = api.client(await api.key_of(admin, user="boss"))
    assert (await boss.post("/users", json={"name": "x", "role": "owner"})).status_code == 403
    assert (await boss.post("/keys", json={"name": "k", "user": "admin"})).status_code == 403
    assert (await boss.patch("/users/admin", json={"role": "viewer"})).status_code == 403
    narrow = api.client(await api.key_of(admin, scopes=["keys:write", "models:read"]))
    assert (await narrow.post("/keys", json={"name": "k", "scopes": ["usage:read"]})).status_code == 403
    assert (await narrow.post("/keys", json={"name": "k", "scopes": ["models:read"]})).status_code == 201


async def test_another_tenant_sees_and_changes_nothing(api: Api) -> None:
    made = (await api.as_admin.post("/tenants", json={"id": "acme"})).json()
    acme = api.client(made["key"]["text"])
    key_id = api.admin.key.key.id
    assert (await acme.get(f"/keys/{key_id}")).status_code == 404
    assert (await acme.post(f"/keys/{key_id}/revoke")).status_code == 404
    assert (await acme.get(f"/users/{api.admin.owner.id}")).status_code == 404
    assert [tenant["id"] for tenant in (await acme.get("/tenants")).json()["items"]] == ["acme"]
    assert (await acme.post("/tenants", json={"id": "mine"})).status_code == 403


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "k", "colour": 1}, "unknown field"),
        ({"name": 3}, "Expected `str`"),
        ({}, "missing required field"),
        ({"name": "Not A Name"}, "lower-case"),
        ({"name": "k", "scopes": ["all"]}, "unknown scopes all"),
        ({"name": "k", "expires_at": "2001-01-01T00:00:00Z"}, "in the past"),
        ({"name": "k", "user": "nobody"}, "no user 'nobody'"),
        ({"name": "k", "rate_per_s": 0}, "over 0"),
    ],
)
async def test_wrong_bodies_are_named(api: Api, body: dict[str, object], words: str) -> None:
    answer = await api.as_admin.post("/keys", json=body)
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert (await api.as_admin.get("/keys")).json()["items"][1:] == []


async def test_a_repeated_request_with_one_idempotency_key_has_one_effect(api: Api) -> None:
    headers = {"idempotency-key": "once"}
    first = await api.as_admin.post("/users", json={"name": "k"}, headers=headers)
    again = await api.as_admin.post("/users", json={"name": "k"}, headers=headers)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len((await api.as_admin.get("/users")).json()["items"]) == 2
    other = await api.as_admin.post("/users", json={"name": "other"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (400, "INVALID_ARGUMENT")


async def test_a_failed_request_frees_its_idempotency_key(api: Api) -> None:
    headers = {"idempotency-key": "once"}
    assert (await api.as_admin.post("/keys", json={"name": "!"}, headers=headers)).status_code == 400
    assert (await api.as_admin.post("/keys", json={"name": "k"}, headers=headers)).status_code == 201


async def test_an_update_against_an_old_revision_is_aborted(api: Api) -> None:
    made = await api.as_admin.post("/users", json={"name": "dev"})
    assert made.headers["etag"] == '"1"'
    fresh = await api.as_admin.patch("/users/dev", json={"role": "viewer"}, headers={"if-match": '"1"'})
    assert (fresh.status_code, fresh.headers["etag"]) == (200, '"2"')
    same = await api.as_admin.patch("/users/dev", json={"role": "viewer"})
    assert (same.status_code, same.headers["etag"]) == (200, '"2"'), "nothing is changed"
    stale = await api.as_admin.patch("/users/dev", json={"disabled": True}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (409, "ABORTED")


async def test_listings_are_paged_and_foreign_cursors_refused(api: Api) -> None:
    for index in range(4):
        await api.as_admin.post("/users", json={"name": f"u{index}"})
    first = (await api.as_admin.get("/users", params={"limit": 3})).json()
    second = (await api.as_admin.get("/users", params={"limit": 3, "cursor": first["next"]})).json()
    assert len({user["id"] for user in first["items"] + second["items"]}) == 5
    assert second["next"] is None
    for wrong in ({"cursor": "!!"}, {"limit": "0"}, {"limit": "x"}, {"size": "3"}):
        assert (await api.as_admin.get("/users", params=wrong)).status_code == 400


async def test_the_description_is_open_and_names_every_endpoint(api: Api) -> None:
    document = (await api.client(None).get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert {"get", "post"} <= set(document["paths"]["/api/v1/keys"])
    assert document["paths"]["/api/v1/keys"]["post"]["x-permission"] == "keys:write"
    assert document["components"]["schemas"]["CreateKey"]["additionalProperties"] is False


async def test_unknown_paths_and_methods_are_problems(api: Api) -> None:
    assert (await api.as_admin.get("/nothing")).json()["code"] == "NOT_FOUND"
    assert (await api.as_admin.delete("/keys")).json()["code"] == "UNIMPLEMENTED"
