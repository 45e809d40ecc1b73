"""What TensorFlow Serving's, KServe's, OpenAI's and Triton's clients rely on, line by line, at a real gateway."""

import json
from pathlib import Path

import httpx
import pytest

from tests.worlds.gateways import Scene, deployment, scene, version

ROW = [1.0, 2.0, 3.0, 4.0]
ROWS = {"instances": [ROW]}
X = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": ROW}


async def furnish(at: Scene) -> None:
    """Version 1 has the traffic and a label, 2 is loading, 3 failed; "next" is a label of the model that is not
    served."""
    await at.bus.put(
        deployment(
            version(1, at.server.path, aliases=("stable",)),
            version(2, weight=0, state="LOADING"),
            version(3, weight=0, state="END", error="too big"),
            known_aliases=("stable", "next"),
        ),
        deployment(version(4, weight=0, state="END"), name="off"),
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/v1/models/m:predict", ROWS, 200, ""),
        ("POST", "/V1/MODELS/m/VERSIONS/1:Predict", ROWS, 200, ""),
        ("POST", "/v1/models/m/labels/stable:predict", ROWS, 200, ""),
        ("GET", "/v1/models/m:predict", None, 405, "use POST"),
        ("POST", "/v1/models/m/metadata", {}, 405, "use GET"),
        ("DELETE", "/v1/models/m:classify", None, 405, "use POST"),
        ("GET", "/v1/models/m/oops", None, 400, "Malformed request"),
        ("POST", "/v1/models/m/versions/1/labels/stable:predict", ROWS, 400, "Malformed request"),
        ("POST", "/v1/models/m/versions/x:predict", ROWS, 400, "Malformed request"),
        ("POST", "/v1/models/m:train", ROWS, 400, "Malformed request"),
        ("POST", "/v1/models/none:predict", ROWS, 404, "no deployment 'none'"),
        ("POST", "/v1/models/m/versions/9:predict", ROWS, 404, "no version 9"),
        ("POST", "/v1/models/m/versions/2:predict", ROWS, 503, "LOADING"),
        ("POST", "/v1/models/m/labels/none:predict", ROWS, 404, "no alias 'none'"),
        ("POST", "/v1/models/m/labels/next:predict", ROWS, 503, "not served yet"),
        ("POST", "/v1/models/m:predict", {**ROWS, "inputs": [ROW]}, 400, "one of them, not 2"),
        ("POST", "/v1/models/m:predict", {}, 400, "either 'instances'"),
        ("POST", "/v1/models/m:predict", {"instances": []}, 400, "at least one row"),
        ("POST", "/v1/models/m:predict", {"instances": [{"y": ROW}]}, 400, "no input 'y'"),
        ("POST", "/v1/models/m:predict", {"instances": [{"x": ROW, "z": 1}]}, 400, "no input 'z'"),
        ("POST", "/v1/models/m:explain", ROWS, 200, ""),
        ("POST", "/v1/models/none:explain", ROWS, 404, "no deployment"),
        ("GET", "/v1/models/none/metadata", None, 404, "no deployment"),
        ("GET", "/v1/models/m/versions/9", None, 404, "no version 9"),
        ("GET", "/v1/models/m/labels/none/metadata", None, 404, "no alias"),
        ("POST", "/v2/models/m/infer/", {"inputs": [X]}, 200, ""),
        ("POST", "/v2/models/off/infer", {"inputs": [X]}, 503, "'off' is stopped"),
        ("GET", "/v2/models/m/infer", None, 405, "use POST"),
        ("POST", "/v2/models/m", {}, 405, "use GET"),
        ("GET", "/v2/repository/index", None, 405, "use POST"),
        ("GET", "/v2/models/m/generate", None, 405, "use POST"),
        ("POST", "/v2/repository/index", {"ready": "yes"}, 400, "not what was expected"),
        ("GET", "/v2/models/m/versions/9/stats", None, 404, "no version 9"),
        ("GET", "/v2/unknown", None, 404, "nothing is at GET /v2/unknown"),
        ("POST", "/v2/models/m/infer", {"inputs": [{**X, "datatype": "BF16"}]}, 400, "send it as binary"),
    ],
)
async def test_paths_and_codes(tmp_path: Path, method: str, path: str, body: object, status: int, said: str) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await furnish(at)
        answer = await http.request(method, path, json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
        if status == 200:
            assert "error" not in answer.json()
        else:
            assert list(answer.json()) == ["error"]
            assert said in answer.json()["error"]
        assert (status == 405) == ("allow" in answer.headers)
        assert (status == 503) == ("retry-after" in answer.headers)


async def test_one_listing_and_one_status_satisfy_three_kinds_of_clients(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await furnish(at)
        for path in ("/v1/models", "/v1/models/"):
            listed = (await http.get(path)).json()
            assert listed["models"] == ["m", "off"]
            assert listed["object"] == "list"
            assert [set(each) for each in listed["data"]] == [{"id", "object", "created", "owned_by"}] * 2
        seen = (await http.get("/v1/models/m")).json()
        assert (seen["name"], seen["ready"], seen["id"], seen["object"]) == ("m", True, "m", "model")
        assert seen["model_version_status"] == [
            {"version": "3", "state": "END", "status": {"error_code": "UNKNOWN", "error_message": "too big"}},
            {"version": "2", "state": "LOADING", "status": {"error_code": "OK", "error_message": ""}},
            {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}},
        ]
        assert (await http.get("/v1/models/off")).json()["ready"] is False
        labelled = (await http.get("/v1/models/m/labels/stable")).json()["model_version_status"]
        assert [each["version"] for each in labelled] == ["1"]


async def test_metadata_is_protobuf_as_json(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await furnish(at)
        told = (await http.get("/V1/models/m/versions/1/METADATA")).json()
        assert told["model_spec"] == {"name": "m", "signature_name": "", "version": "1"}
        definition = told["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert definition["method_name"] == "tensorflow/serving/predict"
        shape = definition["inputs"]["x"]["tensor_shape"]
        assert [each["size"] for each in shape["dim"]] == ["-1", "4"]
        assert (definition["inputs"]["x"]["dtype"], shape["unknown_rank"]) == ("DT_FLOAT", False)


async def test_numbers_and_bytes_are_written_as_clients_expect(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        bare = b'{"instances": [[1, NaN, Infinity, -Infinity]]}'
        answer = await http.post("/v1/models/m:predict", content=bare)
        assert answer.text == '{"predictions":[[3.0,NaN,Infinity,-Infinity]]}'
        columns = await http.post("/v1/models/m:predict", json={"inputs": {"x": [ROW]}})
        assert columns.text == '{"outputs":[[3.0,5.0,7.0,9.0]]}'
        rows = {"instances": [{"number": 2**62, "text": {"b64": "/w=="}}, {"number": 0, "text": "é"}]}
        assert (await http.post("/v1/models/m:predict", json=rows)).json()["predictions"] == [
            {"number": 2**62, "text": {"b64": "/w=="}, "text_bytes": {"b64": "/w=="}},
            {"number": 0, "text": "é", "text_bytes": {"b64": "w6k="}},
        ]
        column = {"inputs": {"number": [1], "text": [{"b64": "/w=="}]}}
        assert (await http.post("/v1/models/m:predict", json=column)).json()["outputs"] == {
            "number": [1], "text": [{"b64": "/w=="}], "text_bytes": [{"b64": "/w=="}]
        }  # fmt: skip
        classes = await http.post("/v1/models/m:classify", json={"examples": [{"features": [0.5, 1]}]})
        assert classes.text == '{"results":[[["no",0.5],["yes",0.5]]]}'
        value = await http.post("/v1/models/m:regress", json={"examples": [{"features": [0.5, 1]}]})
        assert value.text == '{"results":[1.5]}'


async def test_the_open_inference_protocols_small_print(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await furnish(at)
        for path in ("/v2", "/v2/"):
            assert (await http.get(path)).json()["name"] == "bms"
        nested = {**X, "data": [ROW]}
        with_id = await http.post("/v2/models/m/infer", json={"id": "a", "inputs": [nested]})
        without = await http.post("/v2/models/m/infer", json={"inputs": [X]})
        assert (with_id.json()["id"], "id" in without.json()) == ("a", False)
        assert with_id.json()["outputs"] == without.json()["outputs"]
        ready = {path: (await http.get(f"/v2/models/m{path}/ready")).status_code for path in ("", "/versions/2")}
        assert ready == {"": 200, "/versions/2": 503}
        only = (await http.post("/v2/repository/index", json={"ready": True})).json()
        assert [(each["name"], each["version"]) for each in only] == [("m", "1")]
        assert (await http.get("/v2/models/m/config/")).json()["output"][0]["data_type"] == "TYPE_FP32"
        empty = await http.get("/v2/models/m/versions/3/stats")
        assert empty.json()["model_stats"][0]["inference_stats"]["success"] == {"count": 0, "ns": 0}
        # every output as raw tensors, but for the one that says otherwise
        raw = {"inputs": [X], "parameters": {"binary_data_output": True}}
        answer = await http.post("/v2/models/m/infer", json=raw)
        length = int(answer.headers["inference-header-content-length"])
        assert json.loads(answer.content[:length])["outputs"][0]["parameters"] == {"binary_data_size": 16}
        plain = await http.post(
            "/v2/models/m/infer", json={**raw, "outputs": [{"name": "y", "parameters": {"binary_data": False}}]}
        )
        assert plain.json()["outputs"][0]["data"] == [3.0, 5.0, 7.0, 9.0]


async def test_answers_are_compressed_for_who_asks_and_only_where_it_gains(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client(headers={"accept-encoding": "gzip, deflate"}) as http:
        headers = at.headers
        large = await http.post("/v1/models/m:predict", json={"instances": [ROW] * 500}, headers=headers)
        assert (large.headers["content-encoding"], large.headers["vary"]) == ("gzip", "accept-encoding")
        assert len(large.json()["predictions"]) == 500
        assert int(large.headers["content-length"]) < len(large.content) // 10
        small = await http.post("/v1/models/m:predict", json=ROWS, headers=headers)
        assert "content-encoding" not in small.headers
        refused = {"accept-encoding": "gzip;q=0, identity", **headers}
        plain = await http.post("/v1/models/m:predict", json={"instances": [ROW] * 500}, headers=refused)
        assert "content-encoding" not in plain.headers
        metrics = await http.get("/metrics")
        assert metrics.headers["content-encoding"] == "gzip"
        assert "bms_gateway_stage_seconds" in metrics.text


async def test_one_connection_speaks_every_dialect_in_turn(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client(limits=httpx.Limits(max_connections=1)) as http:
        assert (await http.post("/v1/models/m:predict", json=ROWS)).json() == {"predictions": [[3.0, 5.0, 7.0, 9.0]]}
        assert (await http.post("/v2/models/m/generate_stream", json={"prompt": "a b"})).text.count("data:") == 2
        assert (await http.get("/v2/models/m/stats")).json()["model_stats"][0]["inference_count"] == 2
        assert (await http.post("/v1/models/m:predict", json={})).status_code == 400
        assert (await http.post("/v2/models/m/infer", json={"inputs": [X]})).status_code == 200
        assert 'connections{gateway="0"} 1' in (await http.get("/metrics")).text
