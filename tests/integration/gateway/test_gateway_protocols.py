"""TF Serving, KServe and OIP clients against a real gateway and a model server of a known function."""

import asyncio
import base64
import gzip
import json
import shutil
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
from PIL import Image

from bms.core.tensors.sequences import SequenceLimits
from tests.peers.frames_server import SIGNATURES, RunningServer
from tests.worlds.gateways import deployment, key, scene, version

ROW = [1.0, 2.0, 3.0, 4.0]
ANSWER = [3.0, 5.0, 7.0, 9.0]


async def test_every_dialect_gets_the_same_numbers(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        rows = await http.post("/v1/models/m:predict", json={"instances": [ROW]})
        assert (rows.status_code, rows.json()) == (200, {"predictions": [ANSWER]})
        columns = await http.post("/v1/models/m/versions/1:predict", json={"inputs": {"x": [ROW]}})
        assert columns.json() == {"outputs": [ANSWER]}
        tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": ROW}
        infer = await http.post("/v2/models/m/infer", json={"id": "7", "inputs": [tensor]})
        assert infer.json() == {
            "model_name": "m",
            "model_version": "1",
            "id": "7",
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 4], "data": ANSWER}],
        }
        classes = await http.post("/v1/models/m:classify", json={"examples": [{"features": [0.25, 9]}]})
        assert classes.json() == {"results": [[["no", 0.25], ["yes", 0.75]]]}
        number = await http.post("/v1/models/m:regress", json={"examples": [{"features": [0.25, 9]}]})
        assert number.json() == {"results": [9.25]}


async def test_mlflows_paths_answer_and_the_key_may_be_a_password(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        asked = await http.post("/endpoints/m/invocations", json={"inputs": [ROW]})
        assert (asked.status_code, asked.json()) == (200, {"predictions": [ANSWER]})
        same = await http.post("/serving-endpoints/m/versions/1/invocations", json={"instances": [ROW]})
        assert same.json() == {"predictions": [ANSWER]}
        for path, text in (("ping", "\n"), ("health", "\n"), ("version", "3.17.2")):
            told = await http.get(f"/endpoints/m/{path}")
            assert (told.status_code, told.text) == (200, text)
        for method, path, status, code in (
            ("POST", "/endpoints/n/invocations", 404, "RESOURCE_DOES_NOT_EXIST"),
            ("GET", "/endpoints/n/ping", 404, "RESOURCE_DOES_NOT_EXIST"),
            ("GET", "/serving-endpoints/m/ping", 404, "RESOURCE_DOES_NOT_EXIST"),
            ("POST", "/endpoints/m/invocations", 400, "BAD_REQUEST"),
        ):
            refused = await http.request(method, path, content=b"{")
            assert (refused.status_code, refused.json()["error_code"]) == (status, code)
        async with httpx.AsyncClient(base_url=http.base_url, auth=("any", str(at.key))) as basic:
            assert (await basic.get("/endpoints/m/ping")).status_code == 200


async def test_mlflows_deployment_clients_are_told_of_deployments_and_where_they_are_made(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        for base in ("/api/2.0/endpoints", "/api/2.0/serving-endpoints"):
            listed = (await http.get(f"{base}/")).json()["endpoints"]
            assert [one["name"] for one in listed] == ["m"]
            assert (await http.get(f"{base}/m")).json() == listed[0]
            unknown = await http.get(f"{base}/n")
            assert (unknown.status_code, unknown.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
            refused = await http.post(base, json={"name": "new"})
            assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
            assert "made and changed by `bms deploy`" in refused.json()["message"]
        assert (await http.put("/api/2.0/serving-endpoints/m/config", json={})).json()["error_code"] == (
            "RESOURCE_DOES_NOT_EXIST"
        )
        ready = (await http.get("/api/2.0/serving-endpoints/m")).json()
        assert ready["state"] == {"ready": "READY", "config_update": "NOT_UPDATING"}
        assert ready["config"]["traffic_config"]["routes"][0]["traffic_percentage"] == 100
        async with httpx.AsyncClient(base_url=http.base_url) as stranger:
            assert (await stranger.get("/api/2.0/endpoints/")).status_code == 401


async def test_parameters_of_a_model_that_takes_none_are_told_or_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        body = {"instances": [ROW], "params": {"t": 1}}
        told = await http.post("/v1/models/m:predict", json=body)
        assert told.json() == {"predictions": [ANSWER]}
        assert told.headers["warning"] == '299 bms "predict takes no parameters: those of this body were not read"'
        refused = await http.post("/endpoints/m/invocations", json=body)
        assert refused.status_code == 400
        assert refused.json()["message"] == "unknown parameter 't': this model takes no parameters"
        tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": ROW}
        infer = await http.post("/v2/models/m/infer", json={"inputs": [tensor], "parameters": {"t": 1}})
        assert infer.headers["warning"] == "299 bms \"this model takes no parameters: 't' not read\""


async def test_bytes_go_in_and_out_as_text_and_base64(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        rows = [
            {"number": 2**53 + 1, "text": "hé"},
            {"number": -1, "text": {"b64": base64.b64encode(b"\xff").decode()}},
        ]
        answer = await http.post("/v1/models/m:predict", json={"instances": rows})
        assert answer.json()["predictions"] == [
            {"number": 2**53 + 1, "text": "hé", "text_bytes": {"b64": "aMOp"}},
            {"number": -1, "text": {"b64": "/w=="}, "text_bytes": {"b64": "/w=="}},
        ]


@pytest.mark.parametrize(
    ("suffix", "kind"), [("png", "image/png"), ("jpeg", "image/jpeg; charset=x"), ("webp", "image/webp")]
)
async def test_an_image_file_is_a_request(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"digit.{suffix}"
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(path)
    expected = [["odd", float(path.stat().st_size % 2)], ["even", float(path.stat().st_size % 2 == 0)]]
    async with scene(tmp_path) as at, at.client() as http:
        answer = await http.post("/v1/models/m:classify", content=path.read_bytes(), headers={"content-type": kind})
        assert answer.json() == {"results": [expected]}
        predicted = await http.post("/v1/models/m:predict", content=path.read_bytes(), headers={"content-type": kind})
        assert predicted.json() == {"predictions": [[score for _, score in expected]]}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_posts_json_with_expect_and_gets_the_answer(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        body = tmp_path / "body.json"
        body.write_text(json.dumps({"instances": [ROW] * 40_000}))  # large enough for curl to wait for 100 Continue
        curl = await asyncio.create_subprocess_exec(
            "curl", "-sS", "-m", "20", "-H", f"Authorization: Bearer {at.key}", "-H", "Expect: 100-continue",
            "--data-binary", f"@{body}", f"{at.process.url}/v1/models/m:predict",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await curl.communicate()
        assert json.loads(out)["predictions"] == [ANSWER] * 40_000


async def test_compressed_bodies_are_read(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        data = gzip.compress(json.dumps({"instances": [ROW]}).encode())
        answer = await http.post("/v1/models/m:predict", content=data, headers={"content-encoding": "gzip"})
        assert answer.json() == {"predictions": [ANSWER]}


async def test_a_sequence_stays_with_one_of_two_versions_that_share_the_traffic(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        keeping = {
            "serving_default": msgspec.structs.replace(SIGNATURES["serving_default"], sequences=SequenceLimits())
        }
        versions = [version(number, at.server.path, signatures=keeping, weight=1) for number in (1, 2)]
        await at.bus.put(deployment(*versions))
        tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": ROW}
        seen: dict[int, set[str]] = {}
        for id in range(1, 17):
            for step in range(3):
                flags = {"sequence_id": id, "sequence_start": step == 0, "sequence_end": step == 2}
                told = await http.post("/v2/models/m/infer", json={"inputs": [tensor], "parameters": flags})
                seen.setdefault(id, set()).add(told.json()["model_version"])
        assert {len(versions) for versions in seen.values()} == {1}
        assert set.union(*seen.values()) == {"1", "2"}


async def test_versions_and_labels_choose_who_answers(tmp_path: Path) -> None:
    async with (
        scene(tmp_path) as at,
        RunningServer(str(tmp_path / "two.sock")) as two,
        at.client() as http,
    ):
        await at.bus.put(
            deployment(
                version(1, at.server.path, weight=0, aliases=("old",)),
                version(2, two.path, aliases=("new",)),
                version(3, weight=0, state="LOADING"),
                known_aliases=("old", "new", "next"),
            )
        )

        async def ask(path: str) -> tuple[int, int, int]:
            before = len(at.server.seen), len(two.seen)
            infer = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": ROW}]}
            body = {"instances": [ROW]} if path.endswith(":predict") else infer
            status = (await http.post(path, json=body)).status_code
            return status, len(at.server.seen) - before[0], len(two.seen) - before[1]

        assert await ask("/v1/models/m:predict") == (200, 0, 1)
        assert await ask("/v1/models/m/versions/1:predict") == (200, 1, 0)
        assert await ask("/v1/models/m/labels/old:predict") == (200, 1, 0)
        assert await ask("/v1/models/m/labels/new:predict") == (200, 0, 1)
        assert await ask("/v1/models/m/versions/3:predict") == (503, 0, 0)
        assert await ask("/v1/models/m/versions/9:predict") == (404, 0, 0)
        assert await ask("/v1/models/m/labels/next:predict") == (503, 0, 0)
        assert await ask("/v1/models/m/labels/none:predict") == (404, 0, 0)
        assert await ask("/v1/models/none:predict") == (404, 0, 0)
        assert await ask("/v2/models/m/versions/old/infer") == (200, 1, 0)  # MLServer's versions are texts
        assert await ask("/v2/models/m/versions/next/infer") == (503, 0, 0)
        assert await ask("/v2/models/m/versions/none/infer") == (404, 0, 0)
        versions = ("", "/versions/1", "/versions/3", "/versions/old", "/versions/none")
        ready = [await http.get(f"/v2/models/m{path}/ready") for path in versions]
        assert [answer.status_code for answer in ready] == [200, 200, 503, 200, 404]
        status = (await http.get("/v1/models/m")).json()["model_version_status"]
        assert [(each["version"], each["state"]) for each in status] == [
            ("3", "LOADING"),
            ("2", "AVAILABLE"),
            ("1", "AVAILABLE"),
        ]
        assert len((await http.get("/v1/models/m/labels/old")).json()["model_version_status"]) == 1
        assert (await http.get("/v1/models/m/metadata")).json()["model_spec"]["version"] == "2"
        assert (await http.get("/v2/models/m/versions/9")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/v1/models/m:predict", 405, "GET is not for this path: use POST"),
        ("POST", "/v1/models/m/oops", 400, "Malformed request"),
        ("GET", "/v2/models/m/infer", 405, "use POST"),
        ("GET", "/v2/nothing", 404, "nothing is at GET /v2/nothing"),
        ("POST", "/v2/models/m/infer", 400, "not JSON"),
        ("POST", "/v1/models/m:predict", 400, "not JSON"),
    ],
)
async def test_errors_are_json_of_one_text(tmp_path: Path, method: str, path: str, status: int, said: str) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        answer = await http.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert said in answer.json()["error"]


async def test_errors_of_all_that_openais_client_may_ask_are_openais(tmp_path: Path) -> None:
    asked = [
        ("GET", "/v1/models/none", 404, "model_not_found", "no deployment 'none'"),
        ("GET", "/v1/models/none/", 404, "model_not_found", "no deployment 'none'"),
        ("DELETE", "/v1/models", 405, "method_not_allowed", "use GET"),
        ("DELETE", "/v1/models/m", 405, "method_not_allowed", "use GET"),
        ("GET", "/v1/embeddings", 405, "method_not_allowed", "use POST"),
        ("POST", "/v1/embeddings", 400, "invalid_argument", "not JSON"),
        ("POST", "/v1/chat/completions", 404, "unknown_url", "/v1/embeddings and /v1/models are served here"),
        ("POST", "/v1/responses?stream=1", 404, "unknown_url", "nothing is at POST /v1/responses"),
        ("GET", "/V1/files", 404, "unknown_url", "nothing is at GET"),
        ("GET", "/v1", 404, "unknown_url", "nothing is at GET /v1"),
    ]
    async with scene(tmp_path) as at, at.client() as http:
        for method, path, status, code, said in asked:
            answer = await http.request(method, path)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), path
            error = answer.json()["error"]
            assert (list(error), error["code"], error["param"]) == (["message", "type", "param", "code"], code, None)
            assert said in error["message"]
        for path in ("/v1/models", "/v1/chat/completions", "/v1/none"):
            stranger = await http.get(path, headers={"authorization": "Bearer none"})
            assert (stranger.status_code, stranger.json()["error"]["code"]) == (401, "invalid_api_key")
        for path in ("/v1/models/m:predict", "/v1/models/m/versions/9", "/v1/models/m/oops", "/v2/nothing"):
            assert isinstance((await http.get(path)).json()["error"], str)


async def test_what_is_open_needs_no_key_and_shows_no_tenant(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client(headers={}) as http:
        assert (await http.get("/")).json() == {"status": "alive"}
        assert (await http.get("/v2/health/live")).json() == {"live": True}
        assert (await http.get("/v2/health/ready")).json() == {"live": True, "ready": True}
        await http.post("/v1/models/m:predict", json={"instances": [ROW]}, headers=at.headers)
        metrics = (await http.get("/metrics")).text
        assert 'bms_gateway_requests_total{gateway="0",deployment="dep_acme_m",version="1",code="200"} 1' in metrics
        assert str(at.key).partition(".")[0] not in metrics


async def test_a_head_request_gets_the_head_alone(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        got, head = await http.get("/v1/models"), await http.head("/v1/models")
        assert head.content == b""
        assert head.headers["content-length"] == str(len(got.content))


async def test_the_request_id_is_echoed_or_made(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        mine = await http.get("/v1/models", headers={"x-request-id": "mine-1"})
        assert mine.headers["x-request-id"] == "mine-1"
        made = {(await http.get("/v1/models")).headers["x-request-id"] for _ in range(3)}
        assert len(made) == 3


async def test_lists_hold_the_tenants_own_deployments_alone(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        other, entry = key("rival")
        await at.bus.put(entry, deployment(version(1, at.server.path), name="secret", tenant="rival"))
        assert (await http.get("/v1/models")).json()["models"] == ["m"]
        rival = {"authorization": f"Bearer {other}"}
        assert (await http.get("/v1/models", headers=rival)).json()["models"] == ["secret"]
        for path in ("/v1/models/secret", "/v2/models/secret", "/v2/models/secret/ready"):
            assert (await http.get(path)).status_code == 404
        assert (await http.post("/v1/models/secret:predict", json={"instances": [ROW]})).status_code == 404


async def test_what_was_rounded_on_the_way_in_is_told_in_a_header(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        told = await http.post("/v1/models/m:predict", json={"instances": [[1764000010, 2.0, 3.0, 4.0]]})
        assert told.status_code == 200
        assert told.headers["warning"] == "299 bms \"input 'instances': 1764000010 was rounded to FP32\""
        tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [0.1, 2, 3, 4]}
        infer = await http.post("/v2/models/m/infer", json={"inputs": [tensor]})
        assert "FP64 numbers were rounded to FP32" in infer.headers["warning"]
        quiet = await http.post("/v1/models/m:predict", json={"instances": [ROW]})
        assert "warning" not in quiet.headers
