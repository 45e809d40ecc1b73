"""Two tenants on one platform: neither sees, calls or guesses what is the other's; keys open what they say."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest

from bms.core.errors import NotFound, PermissionDenied, Unauthenticated
from bms.sdk import Client
from bms.sdk.deployments import DeploymentSpec, Target
from bms.sdk.models import NewVersion
from bms.sdk.retries import RetryPolicy
from tests.peers.load import Load
from tests.worlds.whole_platform import DATA, DIGITS, WholePlatform, deploy, lists, mirrored, new_key, push, until

OWN, SHARED, HIDDEN = "own", "digits", "hidden"
REVOKED_S = 2.0
VERBS = ("predict", "infer", "classify")
CONTENTS = {"convert": b'{"to":"onnx"}'}


class Tenant:
    """One of the two, its owner's key, and what it has."""

    def __init__(self, platform: WholePlatform, name: str, model: Path) -> None:
        self.name = name
        with platform.client() as operator:
            self.owner = operator.tenants.create(name)
        self.key = self.owner.key.text
        self.url = platform.url
        with self.client() as client:
            until(lambda: lists(platform, self.owner.key) == 200, "the new tenant's key is known")
            self.version = push(client, SHARED, model)
            deploy(client, SHARED, SHARED, Target(version=1))
            client.models.move_alias(SHARED, "production", 1)
            self.verification = next(iter(client.jobs.list()))
            self.user = client.users.create("ann")

    def client(self) -> Client:
        return Client(self.url, self.key, retries=RetryPolicy(attempts=1))


@pytest.fixture(scope="module")
def platform(host: WholePlatform) -> WholePlatform:
    """Of two gateways."""
    return host


@pytest.fixture(scope="module")
def acme(platform: WholePlatform) -> Iterator[Tenant]:
    tenant = Tenant(platform, "acme", DIGITS)
    with tenant.client() as client:
        push(client, HIDDEN)
        deploy(client, HIDDEN, HIDDEN, Target(version=1))
        client.models.move_alias(HIDDEN, "secret", 1)
    yield tenant
    with platform.client() as operator:
        operator.tenants.delete("acme", force=True)


@pytest.fixture(scope="module")
def other(platform: WholePlatform, acme: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    return Tenant(platform, "other", mirrored(tmp_path_factory.mktemp("mirrored")))


@pytest.fixture
def stranger(other: Tenant) -> Iterator[Client]:
    """A client of the other tenant's owner, who may do everything there."""
    with other.client() as opened:
        yield opened


def rows() -> tuple[np.ndarray, np.ndarray]:
    with np.load(DATA / "digits.npz") as data:
        return data["x"][:5], data["y"][:5]


def body() -> bytes:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": rows()[0][0].tolist()}
    return msgspec.json.encode({"inputs": [tensor]})


def test_a_name_that_both_use_leads_each_to_its_own_model(acme: Tenant, other: Tenant) -> None:
    with acme.client() as ours, other.client() as theirs:
        first, second = (client.predict(SHARED, rows()[0]) for client in (ours, theirs))
    assert np.array_equal(first.outputs["label"] + second.outputs["label"], [9] * 5)
    assert np.array_equal(first.outputs["label"], rows()[1])
    assert np.array_equal(first.outputs["probabilities"], second.outputs["probabilities"])


def test_a_stranger_does_not_find_what_is_not_his_in_any_list(acme: Tenant, stranger: Client) -> None:
    assert [each.name for each in stranger.models.list()] == [SHARED]
    assert [each.name for each in stranger.models.list(search=HIDDEN)] == []
    assert [each.name for each in stranger.deployments.list()] == [SHARED]
    assert [each.name for each in stranger.deployments.list(model=HIDDEN)] == []
    assert {each.id for each in stranger.tenants.list()} == {"other"}
    assert acme.user.id not in {each.id for each in stranger.users.list()}
    assert acme.owner.key.key.id not in {each.id for each in stranger.keys.list()}
    with acme.client() as ours:
        theirs = {job.id for job in ours.jobs.list()}
    assert theirs
    assert theirs.isdisjoint(job.id for job in stranger.jobs.list())
    assert {each.tenant for each in stranger.users.list()} == {"other"}
    assert HIDDEN not in {each.subject for each in stranger.audit.list()}
    status = stranger.system.status()
    assert {each.tenant for each in status.workloads} <= {"other"}
    assert (status.gateways, status.database) == ((), "")


def test_a_stranger_is_told_of_what_is_there_as_of_what_is_not(
    platform: WholePlatform, acme: Tenant, other: Tenant
) -> None:
    """The same status and words for another's thing and for none: nothing can be guessed from the answer."""
    with acme.client() as ours:
        deployment = ours.deployments.get(HIDDEN)
        replica = ours.deployments.status(HIDDEN).replicas[0].id
    api = "/api/v1"
    pairs = [
        *((method, f"{api}/models/{{}}{rest}", HIDDEN) for method, rest in (
            ("GET", ""), ("DELETE", ""), ("GET", "/versions"), ("GET", "/versions/1"), ("GET", "/versions/1/files"),
            ("GET", "/versions/1/files/digits.onnx"), ("GET", "/aliases"), ("GET", "/aliases/secret"),
            ("DELETE", "/aliases/secret"), ("DELETE", "/versions/1"), ("POST", "/versions/1/offline"),
            ("POST", "/versions/1/convert"), ("POST", "/versions/1/evaluate"),
        )),
        *((method, f"{api}/deployments/{{}}{rest}", HIDDEN) for method, rest in (
            ("GET", ""), ("DELETE", ""), ("GET", "/status"), ("GET", "/revisions"), ("POST", "/rollback"),
        )),
        ("GET", f"{api}/deployments/{{}}", deployment.id),
        ("GET", f"{api}/deployments/{{}}", replica),
        *((method, f"{api}/jobs/{{}}{rest}", acme.verification.id) for method, rest in (
            ("GET", ""), ("GET", "/log"), ("GET", "/events"), ("GET", "/output"), ("POST", "/cancel"),
            ("POST", "/retry"),
        )),
        ("GET", f"{api}/users/{{}}", acme.user.id),
        ("GET", f"{api}/keys/{{}}", acme.owner.key.key.id),
        ("POST", f"{api}/keys/{{}}/revoke", acme.owner.key.key.id),
        ("HEAD", f"{api}/blobs/{{}}", acme.version.artifact),
        *((method, f"/v1/models/{{}}{rest}", HIDDEN) for method, rest in (
            ("GET", ""), ("GET", "/metadata"), ("GET", "/versions/1"), ("GET", "/labels/secret"), ("POST", ":predict"),
            ("POST", "/versions/1:predict"), ("POST", "/labels/secret:predict"), ("POST", ":classify"),
        )),
        *((method, f"/v2/models/{{}}{rest}", HIDDEN) for method, rest in (
            ("GET", ""), ("GET", "/ready"), ("POST", "/infer"), ("POST", "/versions/1/infer"),
        )),
    ]  # fmt: skip
    headers = {"authorization": f"Bearer {other.key}", "content-type": "application/json"}
    with httpx.Client(base_url=platform.url, headers=headers, trust_env=False) as http:
        for method, path, theirs in pairs:
            nothing = theirs[:-4] + "0000"
            told = []
            for name in (theirs, nothing):
                content = CONTENTS.get(path[-7:], body() if path.endswith(VERBS) else b"{}")
                answer = http.request(method, path.format(name), content=content if method == "POST" else None)
                assert answer.status_code == 404, (method, path, answer.status_code, answer.text)
                words = answer.json() if answer.content else {}
                told.append({key: str(value).replace(name, "…") for key, value in words.items() if key != "request_id"})
            assert told[0] == told[1], (method, path)
    with acme.client() as ours:  # and none of it did anything
        assert ours.models.alias(HIDDEN, "secret").version == 1
        assert ours.deployments.status(HIDDEN).state == "serving"
        assert ours.keys.get(acme.owner.key.key.id).revoked_at is None


def test_a_stranger_does_not_deploy_or_change_what_is_not_his(acme: Tenant, stranger: Client) -> None:
    with pytest.raises(NotFound):
        stranger.deployments.create("mine", DeploymentSpec(model=HIDDEN, targets=[Target(version=1)]))
    with pytest.raises(NotFound):
        stranger.models.move_alias(HIDDEN, "secret", 1)
    with pytest.raises(NotFound):
        stranger.models.change(HIDDEN, description="mine")
    with pytest.raises(NotFound):
        stranger.users.change(acme.user.id, role="viewer")
    with pytest.raises(NotFound):
        stranger.keys.create("theirs", user=acme.user.id)
    with pytest.raises(PermissionDenied):
        stranger.tenants.create("third")


def test_who_knows_a_digest_has_not_its_content(platform: WholePlatform, acme: Tenant, other: Tenant) -> None:
    """Another tenant's blob counts as missing, so that a version can't be made of it by its name alone."""
    with acme.client() as ours:
        files = [msgspec.to_builtins(entry) for entry in ours.models.files(HIDDEN, 1)]
    headers = {"authorization": f"Bearer {other.key}"}
    with httpx.Client(base_url=f"{platform.url}/api/v1", headers=headers, trust_env=False) as api:
        assert api.post("/models", json={"name": "thief"}).status_code == 201
        assert api.post("/models/thief/versions", json={"tree": acme.version.artifact}).status_code == 404
        assert api.post("/models/thief/versions", json={"archive": files[0]["digest"]}).status_code == 404
        started = api.post("/models/thief/versions", json={"files": files})
        assert started.json()["missing"] == [files[0]["digest"]]
        number = started.json()["version"]["number"]
        assert api.post(f"/models/thief/versions/{number}/complete").status_code == 412
        assert api.delete("/models/thief").is_success


def test_usage_is_told_to_its_tenant_alone(platform: WholePlatform, acme: Tenant, stranger: Client) -> None:
    before = sum(row.requests for row in stranger.usage.summary())
    with acme.client() as ours:
        for _ in range(10):
            ours.predict(HIDDEN, rows()[0])
        until(lambda: sum(row.requests for row in ours.usage.summary(model=HIDDEN)) >= 10, "it is billed")
        key, id = acme.owner.key.key.id, ours.deployments.get(HIDDEN).id
    assert sum(row.requests for row in stranger.usage.summary()) == before
    assert sum(row.requests for row in stranger.usage.summary(key=key)) == 0
    assert list(stranger.usage.events(key=key)) == []
    assert list(stranger.usage.events(model=HIDDEN)) == []
    assert list(stranger.usage.events(deployment=id)) == []
    assert key not in b"".join(stranger.usage.export()).decode()
    with pytest.raises(PermissionDenied, match="may read another tenant's usage"):
        stranger.usage.summary(tenant=acme.name)
    with platform.client() as operator:
        assert list(operator.usage.events(key=key)) == []
        assert sum(row.requests for row in operator.usage.summary(tenant=acme.name, model=HIDDEN)) >= 10


def test_a_revoked_key_is_refused_by_all_gateways_at_once(platform: WholePlatform, acme: Tenant) -> None:
    with acme.client() as ours:
        made = ours.keys.create("soon-gone")
        until(lambda: all(lists(platform, made) == 200 for _ in range(8)), "the new key is known to all gateways")
        load = Load(platform.url, made.text, f"/v2/models/{HIDDEN}/infer", body(), connections=8)
        with load:
            load.wait_more(100)
            ours.keys.revoke(made.key.id)
            revoked = time.monotonic()
            load.wait(lambda answers: len(answers) > 100 and all(one.status == 401 for one in answers[-50:]), revoked)
            load.wait_more(100)
            with pytest.raises(Unauthenticated):
                Client(platform.url, made.text).tenants.whoami()
    assert {answer.status for answer in load.answers} == {200, 401}
    good = [answer.sent for answer in load.answers if answer.status == 200]
    assert max(good) - revoked <= REVOKED_S
    first = {answer.connection: answer.received for answer in reversed(load.answers) if answer.status == 401}
    assert len(first) == load.connections
    assert all(answer.sent <= first[answer.connection] for answer in load.answers if answer.status == 200)


def test_a_disabled_users_keys_are_refused(platform: WholePlatform, acme: Tenant) -> None:
    with acme.client() as ours:
        bob = ours.users.create("bob")
        made = ours.keys.create("bobs", user=bob.id)
        until(lambda: all(lists(platform, made) == 200 for _ in range(8)), "the new key is known to all gateways")
        ours.users.change(bob.id, disabled=True)
    until(lambda: all(lists(platform, made) == 401 for _ in range(8)), "it is refused everywhere", 10)
    with pytest.raises((Unauthenticated, PermissionDenied)):
        Client(platform.url, made.text).tenants.whoami()


def test_a_key_ends_at_its_time(platform: WholePlatform, acme: Tenant) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=3)
    with acme.client() as ours:
        made = ours.keys.create("short", expires_at=ends)
    until(lambda: lists(platform, made) == 200, "the new key is known", 2.5)
    until(lambda: all(lists(platform, made) == 401 for _ in range(8)), "it is refused everywhere", 10)
    assert datetime.now(UTC) >= ends
    with pytest.raises(Unauthenticated):
        Client(platform.url, made.text).tenants.whoami()


Act = Callable[[Client], object]
ACTS: dict[str, Act] = {
    "inference:invoke": lambda client: client.predict(HIDDEN, rows()[0]),
    "models:read": lambda client: client.models.get(HIDDEN),
    "models:write": lambda client: client.models.change(HIDDEN, description="changed"),
    "deployments:read": lambda client: client.deployments.get(HIDDEN),
    "jobs:read": lambda client: list(client.jobs.list()),
    "environments:read": lambda client: list(client.environments.list()),
    "usage:read": lambda client: client.usage.summary(),
    "keys:read": lambda client: list(client.keys.list()),
    "keys:write": lambda client: client.keys.create("more"),
    "users:read": lambda client: list(client.users.list()),
    "audit:read": lambda client: list(client.audit.list()),
}


def may(client: Client, act: Act) -> bool:
    """Whether the key may do it; what else goes wrong is an error."""
    try:
        act(client)
    except PermissionDenied:
        return False
    return True


@pytest.mark.parametrize("scope", ["inference:invoke", "models:read", "usage:read"])
def test_a_key_with_a_scope_does_that_and_nothing_else(platform: WholePlatform, acme: Tenant, scope: str) -> None:
    with acme.client() as ours:
        made = ours.keys.create("narrow", scopes=frozenset({scope}))
    answer = 200 if scope == "inference:invoke" else 403
    until(lambda: all(lists(platform, made) == answer for _ in range(8)), "the new key is known to all gateways")
    with Client(platform.url, made.text, retries=RetryPolicy(attempts=1)) as narrow:
        assert {name for name, act in ACTS.items() if may(narrow, act)} == {scope}


def test_a_role_allows_what_it_says(platform: WholePlatform, acme: Tenant) -> None:
    with acme.client() as ours:
        eve = ours.users.create("eve", role="viewer")
        made = ours.keys.create("eves", user=eve.id)
    until(lambda: all(lists(platform, made) == 403 for _ in range(8)), "the new key is known to all gateways")
    with Client(platform.url, made.text, retries=RetryPolicy(attempts=1)) as viewer:
        assert {name for name, act in ACTS.items() if may(viewer, act)} == {
            "models:read", "deployments:read", "jobs:read", "environments:read", "usage:read",
        }  # fmt: skip
        with pytest.raises(PermissionDenied):
            viewer.models.upload("eves", DIGITS, NewVersion())


def test_a_key_is_not_mistaken_for_another(platform: WholePlatform, acme: Tenant) -> None:
    """An id with another's secret, a secret with a letter changed, a part of a key: none opens anything."""
    with acme.client() as ours:
        made = ours.keys.create("right")
    until(lambda: all(lists(platform, made) == 200 for _ in range(8)), "the new key is known to all gateways")
    id, _, secret = made.text.partition(".")
    wrong = [id, f"{id}.", f".{secret}", f"{id}.{acme.key.partition('.')[2]}", made.text[:-1], made.text.upper()]
    wrong.append(f"{id}.{('b' if secret[0] == 'a' else 'a')}{secret[1:]}")
    for text in wrong:
        bad = msgspec.structs.replace(made, text=text)
        assert lists(platform, bad) == 401, text
        headers = {"authorization": f"Bearer {text}"}
        assert httpx.get(f"{platform.url}/api/v1/whoami", headers=headers, trust_env=False).status_code == 401, text
    assert new_key(platform).text != made.text


def test_a_deleted_tenant_leaves_its_books_alone(platform: WholePlatform, other: Tenant) -> None:
    """The last one: it ends the other tenant, which serves until then."""
    with other.client() as theirs:
        theirs.predict(SHARED, rows()[0])
        replicas = [replica.id for replica in theirs.deployments.status(SHARED).replicas]
        until(lambda: sum(row.requests for row in theirs.usage.summary()), "it is billed")
    assert [platform.workload_pid(id) > 0 for id in replicas] == [True]
    refused = platform.bms("tenant", "delete", "other")
    assert (refused.status, "the tenant 'other' is at work: deployment 'digits'" in refused.errors) == (5, True)
    said = platform.good("tenant", "delete", "other", "--force")
    assert "deleted other" in said.out
    assert [platform.workload_pid(id) for id in replicas] == [0]
    assert all(lists(platform, other.owner.key) == 401 for _ in range(8)), "by every gateway"
    assert [path for path in (platform.home / "objects" / "other").rglob("*") if path.is_file()] == []
    assert list((platform.home / "cache" / "trees" / "other").glob("*")) == []
    assert "deleted" in platform.good("tenant", "list", "--all").out
    with platform.client() as operator:
        assert sum(row.requests for row in operator.usage.summary(tenant="other")) >= 1
        told = [entry.name for entry in operator.audit.list(subject="other")]
        assert told == ["tenant.removed", "tenant.deleted"]
