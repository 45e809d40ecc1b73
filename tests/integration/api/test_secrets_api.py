"""Secrets over HTTP: set, listed, deleted, and read by nobody."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.secrets import SqlSecrets
from bms.adapters.sql.store import SqlStore
from bms.adapters.vault.aes_gcm import AesGcmVault
from bms.control.secrets.sealing import UpstreamSealing
from bms.control.secrets.service import SecretService
from bms.core.access.principal import Principal
from bms.core.clock import SystemClock
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound
from bms.core.pages import PageRequest
from bms.core.workloads.environments import EnvironmentSpec
from tests.security.world import World, two_tenants
from tests.worlds.jobs import put_files

VALUE = "sk-quarry-value-of-this-test"


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with two_tenants(tmp_path, monkeypatch) as made:
        yield made


async def test_a_secret_is_set_listed_replaced_and_deleted_without_its_value(world: World) -> None:
    async with world.client(world.owner) as owner:
        made = await owner.put("/secrets/openai", json={"value": VALUE, "hosts": ["API.openai.com"]})
        assert made.status_code == 200
        assert made.json()["hosts"] == ["api.openai.com"]
        again = await owner.put("/secrets/openai", json={"value": VALUE + "2"})
        assert (made.json()["revision"], again.json()["revision"]) == (1, 2)
        listed = (await owner.get("/secrets?limit=1")).json()  # the other one is the world's own
        assert ([each["name"] for each in listed["items"]], listed["next"] is not None) == (["openai"], True)
        assert listed["items"][0].keys() == {"name", "hosts", "set_at", "set_by", "usable", "revision"}
        assert listed["items"][0]["usable"] is True
        assert (await owner.delete("/secrets/openai")).status_code == 204
        assert (await owner.delete("/secrets/openai")).status_code == 404
        events = (await owner.get("/audit?subject=openai")).json()["items"]
        assert [each["name"] for each in events] == ["secret.deleted", "secret.set", "secret.set"]
        texts = [made.text, again.text, str(listed), str(events)]
    assert not any(VALUE in text for text in texts)
    held = [path for path in world.home.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()]
    assert held == []


NO_SECRETS: list[dict[str, object]] = [
    {"value": ""},
    {"value": f" {VALUE}"},
    {"value": f"{VALUE}\r\nx-evil: 1"},
    {"value": f"{VALUE}\0"},
    {"value": f"{VALUE}é"},
    {"value": VALUE * 1000},
    {"value": [VALUE]},
    {"value": VALUE, "hosts": ["user@host"]},
    {"value": VALUE, "hosts": ["a/b c"]},
    {"value": VALUE, "more": VALUE},
]


async def test_what_can_not_be_a_secret_is_refused_without_repeating_it(world: World) -> None:
    async with world.client(world.owner) as owner:
        for body in NO_SECRETS:
            refused = await owner.put("/secrets/x", json=body)
            assert refused.status_code == 400, (body, refused.text)
            assert VALUE not in refused.text, body
        assert (await owner.put(f"/secrets/{'x' * 64}", json={"value": VALUE})).status_code == 400
        assert "x" not in [each["name"] for each in (await owner.get("/secrets")).json()["items"]]


async def test_developers_see_names_and_set_nothing_viewers_see_nothing(world: World) -> None:
    async with world.client(world.owner) as owner:
        keys = {}
        for role in ("developer", "viewer"):
            await owner.post("/users", json={"name": role, "role": role})
            keys[role] = (await owner.post("/keys", json={"name": role, "user": role})).json()["text"]
    for role, sees in (("developer", 200), ("viewer", 403)):
        async with world.client(keys[role]) as client:
            assert (await client.get("/secrets")).status_code == sees
            assert (await client.put("/secrets/x", json={"value": VALUE})).status_code == 403
            assert (await client.delete("/secrets/quarry-secret")).status_code == 403


def principal(tenant: str = "default") -> Principal:
    return Principal(tenant=tenant, user="u", key="k", role="owner", scopes=frozenset())


UPSTREAM = {"url": "https://api.example.com/v1", "protocol": "openai", "model": "m", "secret": "quarry-secret"}


async def test_secrets_are_handed_to_artifacts_that_are_an_upstream_and_to_no_others(world: World) -> None:
    objects, service = world.control.platform.objects, world.control.features.secrets
    sealing = UpstreamSealing(objects, service, ("10.0.0.0/8",))
    upstream = msgspec.json.encode(UPSTREAM)

    async def sealed(files: dict[str, bytes], environment: EnvironmentSpec = EnvironmentSpec()) -> dict[str, str]:
        given = await sealing.of("default", await put_files(objects, "default", files), environment)
        assert given.token == b""
        assert given.upstreams == (("10.0.0.0/8",) if given.secrets else ())
        assert given.network == bool(given.secrets)
        return given.secrets

    assert await sealed({"upstream.json": upstream}) == {"quarry-secret": "quarry-value"}
    assert await sealed({"upstream.json": upstream, "bms.json": b"{}"}) == {"quarry-secret": "quarry-value"}
    for beside in ("model.py", "requirements.txt", "a/b", "upstream.json/x"):
        files = {"upstream.json": upstream, beside: b"x"} if "/x" not in beside else {beside: upstream}
        assert await sealed(files) == {}, "code could be there"
    assert await sealed({"model.onnx": upstream}) == {}
    assert await sealed({"upstream.json": b"not json"}) == {}
    for environment in (EnvironmentSpec(requirements=("attrs",)), EnvironmentSpec(python="3.12")):
        with pytest.raises(FailedPrecondition, match="platform's own environment"):
            await sealed({"upstream.json": upstream}, environment)
    await service.put(principal(), "quarry-secret", VALUE, ("api.example.org",))
    with pytest.raises(FailedPrecondition, match=r"may be sent to api\.example\.org alone") as caught:
        await sealed({"upstream.json": upstream})
    assert VALUE not in caught.value.message
    await service.put(principal(), "quarry-secret", VALUE, ("api.example.org", "api.example.com"))
    assert await sealed({"upstream.json": upstream}) == {"quarry-secret": VALUE}
    assert VALUE not in repr(
        await sealing.of("default", await put_files(objects, "default", {"upstream.json": upstream}), EnvironmentSpec())
    )


async def test_a_tenant_s_models_get_that_tenant_s_secrets_alone(world: World) -> None:
    objects, service = world.control.platform.objects, world.control.features.secrets
    sealing = UpstreamSealing(objects, service)
    tree = await put_files(objects, "rival", {"upstream.json": msgspec.json.encode(UPSTREAM)})
    with pytest.raises(NotFound, match="no secret 'quarry-secret' in this tenant"):
        await sealing.of("rival", tree, EnvironmentSpec())
    await service.put(principal("rival"), "quarry-secret", "the rival's")
    assert (await sealing.of("rival", tree, EnvironmentSpec())).secrets == {"quarry-secret": "the rival's"}
    assert (await service.value("default", "quarry-secret"))[1] == "quarry-value"


async def test_what_the_operator_allows_must_be_readable(world: World) -> None:
    with pytest.raises(InvalidArgument, match="can't be allowed"):
        UpstreamSealing(world.control.platform.objects, world.control.features.secrets, ("everything",))


async def test_without_the_home_s_key_secrets_are_shown_as_unusable_and_say_what_to_do(world: World) -> None:
    database: Database = world.control.platform.database
    lost = SecretService(SqlStore(database, SqlSecrets), AesGcmVault([os.urandom(32)]), SystemClock())
    (shown,) = (await lost.secrets(principal(), PageRequest())).items
    assert (shown.name, shown.usable) == ("quarry-secret", False)
    with pytest.raises(FailedPrecondition, match="put the file `master` of that time back"):
        await lost.value("default", "quarry-secret")
    await lost.put(principal(), "quarry-secret", VALUE)
    assert (await lost.value("default", "quarry-secret"))[1] == VALUE
