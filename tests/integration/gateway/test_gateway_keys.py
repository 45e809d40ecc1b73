"""Who may ask, and how much: keys, rates, admission, deadlines, against a real gateway."""

import asyncio
import time
from pathlib import Path

import pytest

from bms.core.access.credentials import new_key
from tests.worlds.gateways import deployment, key, scene, version

BODY = {"instances": [[1, 2, 3, 4]]}
PATHS = (
    ("POST", "/v1/models/m:predict"),
    ("POST", "/v1/models/m:classify"),
    ("POST", "/v1/models/m/versions/1:predict"),
    ("POST", "/v2/models/m/infer"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/m"),
    ("GET", "/v1/models/m/metadata"),
    ("GET", "/v1/models/m:predict"),
    ("GET", "/v2"),
    ("GET", "/v2/models/m"),
    ("GET", "/v2/models/m/ready"),
    ("GET", "/v2/unknown"),
)


async def test_every_inference_path_refuses_every_wrong_key(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client(headers={}) as http:
        expired, expired_entry = key(expires_at=time.time_ns() - 1)
        viewer, viewer_entry = key(role="viewer")
        scoped, scoped_entry = key(scopes=frozenset({"models:read"}))
        await at.bus.put(expired_entry, viewer_entry, scoped_entry)
        wrong = {
            "none": ({}, 401),
            "nonsense": ({"authorization": "Bearer x"}, 401),
            "unknown": ({"authorization": f"Bearer {new_key()}"}, 401),
            "bad secret": ({"authorization": f"Bearer {at.key.key_id}.{new_key().secret}"}, 401),
            "expired": ({"authorization": f"Bearer {expired}"}, 401),
            "role": ({"authorization": f"Bearer {viewer}"}, 403),
            "scope": ({"x-api-key": str(scoped)}, 403),
        }
        for method, path in PATHS:
            for name, (headers, status) in wrong.items():
                answer = await http.request(method, path, headers=headers, json=BODY if method == "POST" else None)
                assert answer.status_code == status, (method, path, name)
                assert answer.json()["error"]
                assert ("www-authenticate" in answer.headers) == (status == 401)
        assert at.server.seen == []
        assert (
            await http.post("/v1/models/m:predict", json=BODY, headers={"x-api-key": str(at.key)})
        ).status_code == 200
        await at.bus.until(lambda: len(at.bus.books) == 1)


async def test_a_revoked_key_is_refused_with_the_very_next_request(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 200
        await at.bus.put(deletes=(("key", at.key.key_id),))
        assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 401


async def test_a_key_expires_while_it_is_in_use(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        text, entry = key(expires_at=time.time_ns() + 600_000_000)
        await at.bus.put(entry)
        async with at.client(headers={"authorization": f"Bearer {text}"}) as http, asyncio.timeout(10):
            assert (await http.get("/v1/models")).status_code == 200
            while (await http.get("/v1/models")).status_code == 200:
                await asyncio.sleep(0.05)
            assert "expired" in (await http.get("/v1/models")).json()["error"]["message"]


async def test_a_key_over_its_rate_is_told_when_to_come_again_and_not_billed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        text, entry = key(rate_per_s=0.01, burst=2)
        await at.bus.put(entry)
        async with at.client(headers={"authorization": f"Bearer {text}"}) as http:
            answers = [await http.post("/v1/models/m:predict", json=BODY) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert int(answers[2].headers["retry-after"]) in (99, 100)
        await at.bus.until(lambda: len(at.bus.books) == 2)


async def test_a_full_deployment_refuses_at_once_and_recovers(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await at.bus.put(deployment(version(1, at.server.path), max_in_flight=2))
        at.server.delay_s = 0.5
        waiting = [asyncio.create_task(http.post("/v1/models/m:predict", json=BODY)) for _ in range(2)]
        async with asyncio.timeout(5):
            while len(at.server.seen) < 2:
                await asyncio.sleep(0.01)
        refused = await http.post("/v1/models/m:predict", json=BODY)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200, 200]
        assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 200


@pytest.mark.parametrize("said_by", ["header", "parameter", "deployment"])
async def test_a_deadline_is_kept_whoever_sets_it_and_the_model_is_told(tmp_path: Path, said_by: str) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        at.server.mode = "hold"
        if said_by == "deployment":
            await at.bus.put(deployment(version(1, at.server.path), timeout_s=0.2))
        tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
        parameters = {"timeout": 200_000} if said_by == "parameter" else {}
        headers = {"x-request-timeout": "0.2"} if said_by == "header" else {}
        answer = await http.post(
            "/v2/models/m/infer", json={"inputs": [tensor], "parameters": parameters}, headers=headers
        )
        assert answer.status_code == 504
        await at.bus.until(lambda: len(at.bus.books) == 1)
        assert at.bus.events[0].status == 504
        assert [kind for kind, _ in at.server.seen] == [1, 6]


async def test_a_deadline_that_is_no_time_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        for text in ("soon", "-1", "0", "nan"):
            answer = await http.post("/v1/models/m:predict", json=BODY, headers={"x-request-timeout": text})
            assert answer.status_code == 400
