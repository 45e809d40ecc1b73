"""Every path of the gateway, one after another, with every kind of key that must not open it."""

import json
import secrets
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import httpx
import pytest

from bms.core.access.principal import PERMISSIONS
from bms.core.ids import new_id
from bms.web.inference.paths import PUBLIC, Action, read_path
from tests import described
from tests.peers.frames_server import RunningServer
from tests.worlds.gateways import FakeBus, GatewayProcess, deployment, key, listening_socket, version

X = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [0, 1, 2, 3]}
ROWS = {"instances": [[0, 1, 2, 3]]}
FEATURES = {"examples": [{"features": [0.5, 1.5]}]}
# method, path, body, and what a stranger gets who has a good key of another tenant
PATHS: list[tuple[str, str, object, int]] = [
    ("POST", "/v1/models/m:predict", ROWS, 404),
    ("POST", "/v1/models/m/versions/1:predict", ROWS, 404),
    ("POST", "/v1/models/m/labels/stable:predict", ROWS, 404),
    ("POST", "/V1/MODELS/m:PREDICT", ROWS, 404),
    ("POST", "/v1/models/%6d:predict", ROWS, 404),
    ("POST", "/v1/models/m:classify", {**FEATURES, "signature_name": "classes"}, 404),
    ("POST", "/v1/models/m:explain", ROWS, 404),
    ("POST", "/v1/models/m:regress", {**FEATURES, "signature_name": "number"}, 404),
    ("POST", "/v2/models/m/infer", {"inputs": [X]}, 404),
    ("POST", "/v2/models/m/versions/1/infer/", {"inputs": [X]}, 404),
    ("POST", "/v2/models/m/generate", {"x": [0, 1, 2, 3]}, 404),
    ("POST", "/v2/models/m/versions/1/generate_stream", {"x": [0, 1, 2, 3]}, 404),
    ("POST", "/v1/embeddings", {"model": "m", "input": "a text"}, 404),
    ("POST", "/v1/embeddings/", {"model": "m@1", "input": ["a", "b"]}, 404),
    ("POST", "/v1/embeddings", {"model": "m@stable", "input": "a text"}, 404),
    ("POST", "/endpoints/m/invocations", ROWS, 404),
    ("POST", "/endpoints/m/versions/1/invocations/", ROWS, 404),
    ("POST", "/serving-endpoints/m/labels/stable/invocations", ROWS, 404),
    ("GET", "/endpoints/m/ping", None, 404),
    ("GET", "/endpoints/m/labels/stable/health/", None, 404),
    ("GET", "/endpoints/m/versions/1/version", None, 404),
    ("GET", "/api/2.0/endpoints/", None, 200),
    ("GET", "/api/2.0/endpoints/m", None, 404),
    ("GET", "/api/2.0/serving-endpoints", None, 200),
    ("GET", "/api/2.0/serving-endpoints/m", None, 404),
    ("GET", "/v1/models", None, 200),
    ("GET", "/v1/models/m", None, 404),
    ("GET", "/v1/models/m/versions/1", None, 404),
    ("GET", "/v1/models/m/labels/stable", None, 404),
    ("GET", "/v1/models/m/metadata", None, 404),
    ("GET", "/v2", None, 200),
    ("GET", "/v2/models/m", None, 404),
    ("GET", "/v2/models/m/versions/1", None, 404),
    ("GET", "/v2/models/m/ready", None, 404),
    ("GET", "/v2/models/m/versions/1/ready", None, 404),
    ("GET", "/v2/models/m/config", None, 404),
    ("GET", "/v2/models/m/versions/1/config", None, 404),
    ("GET", "/v2/models/m/stats", None, 404),
    ("GET", "/v2/models/m/versions/1/stats", None, 404),
    ("GET", "/v2/models/stats", None, 200),
    ("POST", "/v2/repository/index", None, 200),
    ("GET", "/v2/trace/setting", None, 200),
    ("GET", "/v2/models/m/trace/setting", None, 404),
    ("GET", "/v2/logging", None, 200),
    ("GET", "/", None, 200),
    ("GET", "/v2/health/live", None, 200),
    ("GET", "/v2/health/ready", None, 200),
    ("GET", "/metrics", None, 200),
    ("GET", "/monitoring/prometheus/metrics", None, 200),
]


def action_of(method: str, path: str) -> str:
    operation = read_path(method.encode(), path.encode())
    assert operation is not None
    return str(operation.action)


CLOSED = [(method, path, body) for method, path, body, _ in PATHS if action_of(method, path) not in PUBLIC]


@dataclass
class Door:
    bus: FakeBus
    gateway: GatewayProcess

    async def ask(
        self, text: object, method: str, path: str, body: object, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        sent = {} if text is None else {"authorization": f"Bearer {text}"}
        async with httpx.AsyncClient(base_url=self.gateway.url, timeout=10) as client:
            return await client.request(method, path, json=body, headers={**sent, **(headers or {})})


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    with tempfile.TemporaryDirectory(prefix="bms-") as folder, listening_socket() as listening:
        directory = Path(folder)
        (directory / "gateway").mkdir()
        served = deployment(version(1, str(directory / "r"), aliases=("stable",)), known_aliases=("stable",))
        async with RunningServer(str(directory / "r")), FakeBus(str(directory / "bus.sock"), (served,)) as bus:
            gateway = GatewayProcess(directory, listening)
            try:
                await bus.until(lambda: bus.applied)
                yield Door(bus, gateway)
            finally:
                gateway.end()


def test_every_action_of_the_gateway_is_walked() -> None:
    walked = {action_of(method, path) for method, path, _, _ in PATHS}
    assert walked == set(get_args(Action)), "add the paths of a new action to PATHS"
    assert frozenset({"alive", "oip_live", "oip_ready", "metrics"}) == PUBLIC, "whatever is open to all is named here"


async def test_a_good_key_opens_every_path(door: Door) -> None:
    """The positive control of what follows."""
    text, entry = key()
    await door.bus.put(entry)
    for method, path, body, _ in PATHS:
        answer = await door.ask(text, method, path, body)
        assert answer.status_code == 200, (path, answer.text)
        if "/monitoring/" not in path:  # TensorFlow Serving's other name of /metrics
            described.check(answer)


async def test_no_path_opens_to_a_key_that_is_none_or_no_longer_good(door: Door) -> None:
    good, entry = key()
    gone, gone_entry = key()
    expired, expired_entry = key(expires_at=1)
    await door.bus.put(entry, gone_entry, expired_entry)
    for method, path, body in CLOSED:
        assert (await door.ask(gone, method, path, body)).status_code == 200, path  # and is remembered as good
    await door.bus.put(deletes=(("key", gone_entry.id),))
    bad = {
        "no key": None,
        "words": "open sesame",
        "an id alone": good.key_id,
        "a secret cut short": str(good)[:-1],
        "a secret made longer": f"{good}A",
        "a wrong secret": f"{good.key_id}.{secrets.token_urlsafe(32)}",
        "an unknown id": f"{new_id('bmsk')}.{good.secret}",
        "an expired key": expired,
        "a revoked key": gone,
    }
    for name, presented in bad.items():
        for method, path, body in CLOSED:
            answer = await door.ask(presented, method, path, body)
            assert answer.status_code == 401, (name, path, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json().keys() & {"error", "error_code"}
            assert good.secret not in answer.text
            assert not presented or str(presented) not in answer.text
    for headers in ({"authorization": f"Basic {good}"}, {"authorization": str(good)}, {"cookie": f"key={good}"}):
        for method, path, body in CLOSED:
            assert (await door.ask(None, method, path, body, headers)).status_code == 401, (headers, path)
    assert not [event for event in door.bus.events if event.key not in (gone_entry.id,)]


async def test_a_key_without_inference_opens_nothing(door: Door) -> None:
    under, under_entry = key(scopes=PERMISSIONS - {"inference:invoke"})
    viewer, viewer_entry = key(role="viewer")
    await door.bus.put(under_entry, viewer_entry)
    for text in (under, viewer):
        for method, path, body in CLOSED:
            answer = await door.ask(text, method, path, body)
            assert answer.status_code == 403, (path, answer.text)
            told = answer.json()
            assert "inference:invoke" in json.dumps(told.get("error") or told["message"])


async def test_another_tenants_key_finds_nothing_of_ours(door: Door) -> None:
    text, entry = key(tenant="rival")
    await door.bus.put(entry)
    for method, path, body, status in PATHS:
        answer = await door.ask(text, method, path, body)
        assert answer.status_code == status, (path, answer.text)
        if status == 200 and action_of(method, path) == "list":
            assert "m" not in json.dumps([model.get("id") for model in answer.json()["data"]])
        elif status == 200 and action_of(method, path) in ("oip_index", "oip_all_stats"):
            assert answer.json() in ([], {"model_stats": []})
    for path in ("/v1/models/acme/m:predict", "/v1/models/acme%2Fm:predict", "/v1/models/dep_acme_m:predict"):
        assert (await door.ask(text, "POST", path, ROWS)).status_code in (400, 404)


async def test_the_same_name_in_two_tenants_is_two_deployments(door: Door) -> None:
    text, entry = key(tenant="rival")
    theirs = deployment(version(7, str(door.gateway.directory / "r")), tenant="rival")
    await door.bus.put(entry, theirs)
    answer = await door.ask(text, "POST", "/v2/models/m/infer", {"inputs": [X]})
    assert answer.json()["model_version"] == "7"
    assert (await door.ask(text, "POST", "/v2/models/m/versions/1/infer", {"inputs": [X]})).status_code == 404
