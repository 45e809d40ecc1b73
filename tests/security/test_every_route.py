"""Every route of control, one after another, with every kind of key that must not open it."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bms.core.access.principal import PERMISSIONS
from bms.core.ids import new_id
from bms.web.api.endpoint import PUBLIC, Endpoint
from tests import described
from tests.security.world import MARK, MODEL, World, two_tenants

BODIES: dict[str, dict[str, object]] = {
    "post_tenants": {"id": "third"},
    "post_users": {"name": "new-user"},
    "patch_users_user": {"disabled": False},
    "post_keys": {"name": "new-key", "user": "{user}"},
    "post_models": {"name": "new-model"},
    "patch_models_model": {"description": "changed"},
    "post_models_model_versions": {"tree": "{tree}", "runtime": "onnx"},
    "put_models_model_aliases_alias": {"version": 2},
    "post_datasets_dataset_versions": {"source": {"sample": "digits"}},
    "post_jobs": {"code": "{tree}", "entry": "quarry.py"},
    "post_models_model_versions_number_convert": {"to": "onnx"},
    "post_deployments": {"name": "new-dep", "model": "quarry-model", "version": 2},
    "put_deployments_deployment": {"model": "quarry-model", "version": 2},
    "post_deployments_deployment_rollback": {},
    "put_secrets_secret": {"value": "another-value", "hosts": ["api.example.com"]},
    "post_v2_repository_models_deployment_load": {},
    "post_v2_repository_models_deployment_unload": {"parameters": {"unload_dependents": False}},
}
# What another tenant's owner gets who asks for `default`'s things by their names and ids. Whoever adds an endpoint
# says here what a stranger sees.
FOREIGN = {
    "get_whoami": 200,
    "post_tenants": 403,
    "get_tenants": 200,
    "get_tenants_tenant": 404,
    "delete_tenants_tenant": 403,
    "post_users": 201,
    "get_users": 200,
    "get_users_user": 404,
    "patch_users_user": 404,
    "delete_users_user": 404,
    "post_keys": 404,
    "get_keys": 200,
    "get_keys_key": 404,
    "post_keys_key_revoke": 404,
    "post_models": 201,
    "get_models": 200,
    "get_models_model": 404,
    "patch_models_model": 404,
    "delete_models_model": 404,
    "post_models_model_versions": 404,
    "get_models_model_versions": 404,
    "get_models_model_versions_number": 404,
    "delete_models_model_versions_number": 404,
    "get_models_model_versions_number_gates": 404,
    "post_models_model_versions_number_complete": 404,
    "post_models_model_versions_number_publish": 404,
    "post_models_model_versions_number_offline": 404,
    "get_models_model_versions_number_files": 404,
    "get_models_model_versions_number_files_path_path": 404,
    "get_models_model_aliases": 404,
    "get_models_model_aliases_alias": 404,
    "put_models_model_aliases_alias": 404,
    "delete_models_model_aliases_alias": 404,
    "put_secrets_secret": 200,  # one of its own, of the same name
    "get_secrets": 200,
    "delete_secrets_secret": 404,
    "head_blobs_digest": 404,
    "put_blobs_digest": 201,  # its own copy, sent by itself
    "get_datasets": 200,
    "get_datasets_dataset": 404,
    "delete_datasets_dataset": 404,
    "delete_datasets_dataset_versions_number": 404,
    "post_datasets_dataset_versions": 201,  # a data set of its own, of the same name
    "get_datasets_dataset_versions": 404,
    "get_datasets_dataset_versions_number": 404,
    "get_datasets_dataset_versions_number_statistics": 404,
    "get_datasets_dataset_versions_number_files": 404,
    "get_datasets_dataset_versions_number_files_path_path": 404,
    "get_jobs": 200,
    "post_jobs": 404,
    "get_jobs_job": 404,
    "post_jobs_job_cancel": 404,
    "post_jobs_job_retry": 404,
    "get_jobs_job_log": 404,
    "get_jobs_job_events": 404,
    "get_jobs_job_output": 404,
    "get_jobs_job_output_path_path": 404,
    "get_environments": 200,
    "get_environments_environment": 404,
    "get_environments_environment_lock": 404,
    "get_environments_environment_log": 404,
    "post_environments_prune": 403,
    "get_recipes": 200,
    "post_models_model_versions_number_convert": 404,
    "post_models_model_versions_number_evaluate": 404,
    "post_deployments": 404,
    "get_deployments": 200,
    "get_deployments_deployment": 404,
    "put_deployments_deployment": 404,
    "delete_deployments_deployment": 404,
    "post_deployments_deployment_rollback": 404,
    "post_deployments_deployment_stop": 404,
    "post_deployments_deployment_start": 404,
    "post_v2_repository_models_deployment_load": 404,
    "post_v2_repository_models_deployment_unload": 404,
    "get_deployments_deployment_revisions": 404,
    "get_deployments_deployment_status": 404,
    "get_deployments_deployment_replicas": 404,
    "get_deployments_deployment_replicas_replica_log": 404,
    "get_usage": 200,
    "get_usage_events": 200,
    "get_usage_export": 200,
    "get_audit": 200,
    "get_system_status": 200,
    "get_system_metrics": 403,
    "get_system_reactions": 403,
    "post_system_reactions_reaction_retry": 403,
    "post_system_reactions_reaction_dismiss": 403,
}
OWN_MARK = {
    "put_blobs_digest",
    "post_datasets_dataset_versions",
    "put_secrets_secret",
}  # answers repeat what the asker itself sent
NOT_THERE_YET = {
    "get_datasets_dataset_versions_number_files_path_path",
    "get_jobs_job_output_path_path",
    "get_environments_environment_lock",
}


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with two_tenants(tmp_path, monkeypatch) as made:
        yield made


async def ask(world: World, client: httpx.AsyncClient, endpoint: Endpoint) -> httpx.Response:
    body = BODIES.get(endpoint.operation)
    known = {"{user}": world.ids["user"], "{tree}": world.tree}
    filled = None if body is None else {name: known.get(str(value), value) for name, value in body.items()}
    content = MODEL if endpoint.body is bytes else None
    patience = {"x-request-timeout": "0.01"} if endpoint.foreign else {}  # nothing is started here
    return await client.request(endpoint.method, world.path(endpoint), json=filled, content=content, headers=patience)


def check_refusal(world: World, answer: httpx.Response, status: int, name: str, presented: str = "") -> None:
    assert answer.status_code == status, (name, answer.status_code, answer.text)
    if answer.request.method == "HEAD":
        return
    if answer.request.url.path.startswith("/v2/"):
        assert answer.headers["content-type"] == "application/json", name
        assert list(answer.json()) == ["error"], name
    else:
        assert answer.headers["content-type"] == "application/problem+json", name
        assert answer.json()["status"] == status, name
    assert answer.headers["cache-control"] == "no-store", name
    for hidden in (presented.partition(".")[2], "Traceback", "sqlite", "SELECT", str(world.home), "/src/bms", ".py"):
        assert not hidden or hidden not in answer.text, (name, hidden, answer.text)


async def test_every_endpoint_is_known_here_and_has_a_permission(world: World) -> None:
    operations = [endpoint.operation for endpoint in world.endpoints]
    assert len(operations) == len(set(operations))
    assert set(operations) == set(FOREIGN), "say in FOREIGN what strangers get from a new endpoint"
    assert {each.operation for each in world.endpoints if each.body not in (None, bytes)} == set(BODIES)
    assert {each.operation for each in world.endpoints if each.permission not in PERMISSIONS} == set()
    served = {(method, route.path) for route in world.control.api.app.app.routes for method in route.methods}  # type: ignore[attr-defined]
    listed = {(each.method, "/api/v1" + each.path) for each in world.endpoints if not each.foreign}
    listed |= {(each.method, each.path + slash) for each in world.endpoints if each.foreign for slash in ("", "/")}
    heads = {("HEAD", path) for method, path in listed if method == "GET"}  # Starlette's, by the same dispatcher
    open_to_all = ("/api/v1/openapi.json", "/docs", "/docs/page.css", "/docs/page.js", "/docs/words.js")
    description = {(method, path) for method in ("GET", "HEAD") for path in open_to_all}
    assert served == listed | heads | description
    assert all(endpoint.permission != PUBLIC for endpoint in world.endpoints)
    async with world.client(None) as nobody:
        assert (await nobody.get("/openapi.json")).status_code == 200


async def test_no_route_opens_to_a_key_that_is_none_or_no_longer_good(world: World) -> None:
    revoked_id, revoked = await world.key()
    _, disabled = await world.key(user="quarry-user")
    good_id, _, good_secret = world.owner.partition(".")
    async with world.client(world.owner) as owner:
        assert (await owner.post(f"/keys/{revoked_id}/revoke")).status_code == 200
        assert (await owner.patch("/users/quarry-user", json={"disabled": True})).status_code == 200
    bad = {
        "no key": None,
        "an empty key": "",
        "words": "open sesame",
        "an id alone": good_id,
        "a secret alone": good_secret,
        "a secret cut short": world.owner[:-1],
        "a secret made longer": world.owner + "A",
        "a wrong secret": f"{good_id}.{secrets.token_urlsafe(32)}",
        "an unknown id": f"{new_id('bmsk')}.{good_secret}",
        "an expired key": await world.expired_key(),
        "a revoked key": revoked,
        "a disabled user's key": disabled,
        "the rival's id, our secret": f"{world.rival.partition('.')[0]}.{good_secret}",
    }
    for name, key in bad.items():
        async with world.client(key) as client:
            for endpoint in world.endpoints:
                answer = await ask(world, client, endpoint)
                check_refusal(world, answer, 401, f"{name}: {endpoint.operation}", key or "")
                assert answer.headers["www-authenticate"] == "Bearer"
    async with world.client(world.owner) as owner:  # nothing was done
        assert [each["id"] for each in (await owner.get("/tenants")).json()["items"]] == [
            "default",
            "quarry-tenant",
            "rival",
        ]
        assert (await owner.get("/models/quarry-model")).json()["revision"] == 1


async def test_other_schemes_and_places_for_a_key_open_nothing(world: World) -> None:
    tries = [
        {"authorization": f"Basic {world.owner}"},
        {"authorization": world.owner},
        {"authorization": f"Bearer {world.owner}, Bearer {world.owner}"},
        {"authorization": "", "cookie": f"authorization=Bearer {world.owner}"},
        {"proxy-authorization": f"Bearer {world.owner}"},
        {"authorization": "Bearer no", "x-api-key": world.owner},  # the first one counts, whatever else is sent
        {"x-forwarded-user": "admin", "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1"},
    ]
    async with world.client(None) as client:
        for headers in tries:
            assert (await client.get("/whoami", headers=headers)).status_code == 401, headers
        assert (await client.get(f"/whoami?key={world.owner}")).status_code == 401
        assert (await client.get("/whoami", headers={"x-api-key": world.owner})).status_code == 200  # the control


async def test_every_permission_is_needed(world: World) -> None:
    keys = {name: await world.under_scoped(name) for name in {each.permission for each in world.endpoints}}
    for endpoint in world.endpoints:
        async with world.client(keys[endpoint.permission]) as client:
            answer = await ask(world, client, endpoint)
        check_refusal(world, answer, 403, endpoint.operation, keys[endpoint.permission])
        if endpoint.method != "HEAD":
            assert endpoint.permission in answer.json()["error" if endpoint.foreign else "detail"]
    async with world.client(world.owner) as owner:
        assert (await owner.get("/models/quarry-model")).json()["revision"] == 1


async def test_another_tenant_gets_nothing_of_ours_by_name_or_id(world: World) -> None:
    async with world.client(world.rival) as rival:
        for endpoint in sorted(world.endpoints, key=lambda each: each.operation in OWN_MARK):
            answer = await ask(world, rival, endpoint)
            name = endpoint.operation
            assert answer.status_code == FOREIGN[name], (name, answer.text)
            if answer.status_code in (200, 201) and name not in OWN_MARK:
                assert MARK not in answer.text, (name, answer.text)
            elif answer.status_code == 404:
                check_refusal(world, answer, 404, name)
    async with world.client(world.owner) as owner:  # and nothing was changed
        assert (await owner.get("/models/quarry-model")).json()["revision"] == 1
        assert (await owner.get("/keys/" + world.ids["key"])).json()["revoked_at"] is None
        assert (await owner.get("/deployments/quarry-dep")).json()["revision"] == 1
        assert (await owner.get("/jobs/" + world.places["job"])).json()["state"] == "queued"


async def test_the_owner_is_not_refused_what_strangers_are(world: World) -> None:
    """The positive control: the same calls, in an order that destroys last."""
    last = {"DELETE": 2, "POST": 1}
    async with world.client(world.owner) as owner:
        for endpoint in sorted(world.endpoints, key=lambda each: last.get(each.method, 0)):
            answer = await ask(world, owner, endpoint)
            name = endpoint.operation
            if name in NOT_THERE_YET:
                assert answer.status_code in (404, 412), (name, answer.text)
            else:
                assert answer.status_code not in (401, 403, 500), (name, answer.text)
                described.check(answer)
                assert answer.status_code != 404 or endpoint.method == "DELETE", (name, answer.text)


async def test_lists_follow_filters_only_within_the_tenant(world: World) -> None:
    """Cursors and filters of the owner, used by the rival."""
    async with world.client(world.owner) as owner, world.client(world.rival) as rival:
        cursor = (await owner.get("/users?limit=1")).json()["next"]
        for path in (
            f"/users?cursor={cursor}",
            f"/keys?user={world.ids['user']}",
            f"/keys?cursor={cursor}",
            f"/usage?key={world.ids['key']}&group_by=key,deployment,model,version",
            f"/usage/events?key={world.ids['key']}",
            f"/audit?subject={world.ids['user']}",
            "/jobs?kind=train",
            "/models?prefix=quarry",
            "/models?search=quarry",
            "/deployments?model=quarry-model",
        ):
            answer = await rival.get(path)
            assert answer.status_code == 200, (path, answer.text)
            assert MARK not in answer.text, path
            assert world.ids["user"] not in answer.text, path


async def test_secrets_of_new_keys_are_kept_nowhere(world: World) -> None:
    headers = {"idempotency-key": "once"}
    texts = []
    async with world.client(world.owner) as owner:
        for path, body in (("/keys", {"name": "fresh"}), ("/tenants", {"id": "fresh"})):
            again = {"idempotency-key": f"once {path}"}
            made = await owner.post(path, json=body, headers=again)
            assert made.status_code == 201
            texts.append((made.json().get("key") if path == "/tenants" else made.json())["text"])
            repeated = await owner.post(path, json=body, headers=again)
            assert (repeated.status_code, repeated.json()["code"]) == (409, "ALREADY_EXISTS")
            assert "revoke" in repeated.json()["detail"]
        assert (await owner.post("/models", json={"name": "fresh"}, headers=headers)).status_code == 201
    files = [path for path in world.home.rglob("*") if path.is_file() and path.name not in ("admin.key", "pepper")]
    contents = {path: path.read_bytes() for path in files}
    assert any(b"fresh" in content for content in contents.values())  # the control: the database is among them
    for text in [*texts, world.owner, world.rival]:
        secret = text.partition(".")[2].encode()
        assert [path for path, content in contents.items() if secret in content] == []
