"""The client half of the peers' quick starts, by curl as their documents write it, but for address, key and numbers.

KServe's and Triton's own clients are in test_clients.py and triton/. BentoML, LitServe and Ray Serve have no wire of
their own: what a request says there is each service's code, so that nothing of theirs could be sent here unchanged.
"""

import json
import re
import subprocess
from typing import Any

import numpy as np
import pytest

from tests.clients.table import keep
from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import DATA

JSON = ("-H", "Content-Type: application/json")
CSV = ("-H", "Content-Type: text/csv")
IRIS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]
pytestmark = pytest.mark.timeout(120)


class Curl:
    """Asks by curl; everything that it is told to ask is kept in the table of clients."""

    def __init__(self, served: RealPlatform) -> None:
        self._served = served
        self.lines: list[dict[str, Any]] = []

    def __call__(self, what: str, path: str, *options: str) -> Any:
        """The body of an answer 200, read where it is an object of JSON."""
        key = ("-H", f"Authorization: Bearer {self._served.key}")
        command = (
            "curl",
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--max-time",
            "30",
            "--write-out",
            "\n%{http_code}",
        )
        ended = subprocess.run(
            [*command, *key, *options, self._served.url + path], capture_output=True, text=True, check=True
        )
        body, _, status = ended.stdout.rpartition("\n")
        assert status == "200", body
        self.lines.append({"what": what, "got": status})
        return json.loads(body) if body.startswith("{") else body


@pytest.fixture(scope="module")
def curl(served: RealPlatform) -> Curl:
    return Curl(served)


def test_tensorflow_servings(curl: Curl) -> None:
    model = "/v1/models/half_plus_two"
    asked = ("-d", '{"instances": [1.0, 2.0, 5.0]}', "-X", "POST")
    assert curl("TensorFlow Serving: predict", f"{model}:predict", *asked) == {"predictions": [2.5, 3.0, 4.5]}
    columns = ("-d", '{"inputs": [1.0, 2.0, 5.0]}', "-X", "POST")
    assert curl("TensorFlow Serving: columns", f"{model}/versions/1:predict", *columns) == {"outputs": [2.5, 3.0, 4.5]}
    examples = '{"signature_name": "tensorflow/serving/regress", "examples": [{"x": 1.0}, {"x": 2.0}]}'
    assert curl("TensorFlow Serving: regress", f"{model}:regress", "-d", examples) == {"results": [2.5, 3.0]}
    (status,) = curl("TensorFlow Serving: status", model)["model_version_status"]
    assert status == {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    told = curl("TensorFlow Serving: metadata", f"{model}/metadata")
    assert told["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "1"}
    (given,) = told["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"].values()
    assert given["dtype"] == "DT_FLOAT"
    assert given["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}


def test_kserves(curl: Curl) -> None:
    host = ("-H", "Host: sklearn-iris.kserve-test.example.com")
    rows = ("-d", json.dumps({"instances": IRIS}))
    answer = curl("KServe: V1", "/v1/models/sklearn-iris:predict", *host, *JSON, *rows)
    assert answer == {"predictions": [1, 1]}
    tensor = {"name": "input-0", "shape": [2, 4], "datatype": "FP32", "data": IRIS}
    answer = curl("KServe: V2", "/v2/models/sklearn-iris/infer", *host, *JSON, "-d", json.dumps({"inputs": [tensor]}))
    assert answer["outputs"] == [{"name": "output-0", "datatype": "INT64", "shape": [2], "data": [1, 1]}]
    frame = {"inputs": [{"price": {"0": 1.5, "1": 4}, "pieces": {"0": 2, "1": 5}, "name": {"0": "a", "1": "b"}}]}
    answer = curl("KServe: a frame", "/v1/models/orders:predict", *host, *JSON, "-d", json.dumps(frame))
    assert answer == {"outputs": {"total": [3, 20], "told": ["a: 3", "b: 20"]}}


def test_tritons(curl: Curl) -> None:
    assert curl("Triton: ready", "/v2/health/ready", "-v")["ready"]
    assert curl("Triton: model ready", "/v2/models/mnist-svm/ready", "-v")["ready"]


def test_mlservers(curl: Curl, served: RealPlatform) -> None:
    served.good("model", "alias", "mnist-svm", "v0.1.0", "1")
    with np.load(DATA / "digits.npz") as data:
        row, digit = data["x"][:1], int(data["y"][0])
    with served.client() as client:  # which comes again until the alias has come to the gateway
        client.predict("mnist-svm", row, alias="v0.1.0", wire="tfserving")
    tensor = {"name": "predict", "shape": row.shape, "datatype": "FP32", "data": row.tolist()}
    body = ("-d", json.dumps({"inputs": [tensor]}))
    for what, path in {"MLServer": "", "MLServer: of a version": "/versions/v0.1.0"}.items():
        answer = curl(what, f"/v2/models/mnist-svm{path}/infer", *JSON, *body)
        assert answer["model_name"] == "mnist-svm"
        assert {each["name"]: each["data"] for each in answer["outputs"]}["label"] == [digit]
    half = {"name": "predict", "shape": [1], "datatype": "FP16", "data": [1.5], "parameters": {"content_type": "np"}}
    answer = curl(
        "MLServer: half precision", "/v2/models/half_plus_two/infer", *JSON, "-d", json.dumps({"inputs": [half]})
    )
    assert answer["outputs"][0]["data"] == [2.75]


def test_mlflows(curl: Curl) -> None:
    at = "/endpoints/orders/invocations"
    said = {
        "dataframe_split": {"columns": ["price", "pieces", "name"], "data": [[1.5, 2, "a"], [4, 5, "b"]]},
        "dataframe_records": [{"price": 1.5, "pieces": 2, "name": "a"}, {"price": 4, "pieces": 5, "name": "b"}],
        "instances": [{"price": 1.5, "pieces": 2, "name": "a"}, {"price": 4, "pieces": 5, "name": "b"}],
    }
    rows = {"predictions": [{"total": 3, "told": "a: 3"}, {"total": 20, "told": "b: 20"}]}
    for form, value in said.items():
        assert curl(f"MLflow: {form}", at, *JSON, "-d", json.dumps({form: value})) == rows
    assert curl("MLflow: CSV", at, *CSV, "--data-binary", "price,pieces,name\n1.5,2,a\n4,5,b\n") == rows
    columns = json.dumps({"inputs": {"price": [1.5, 4], "pieces": [2, 5], "name": ["a", "b"]}})
    answer = curl("MLflow: columns", at, *JSON, "-d", columns)
    assert answer == {"predictions": {"total": [3, 20], "told": ["a: 3", "b: 20"]}}
    matrix = ("-H", "Content-Type:application/json", "--data", '{"inputs": [[1, 2, 3, 4], [5, 6, 7, 8]]}')
    answer = curl("MLflow: inputs", "/endpoints/mixed/invocations", *matrix)
    assert answer == {"predictions": [[3, 5, 7, 9], [11, 13, 15, 17]]}
    assert curl("MLflow: ping", "/endpoints/mixed/ping") == "\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+", curl("MLflow: version", "/endpoints/mixed/version"))


def test_openais(curl: Curl) -> None:
    asked = {"input": "The food was delicious", "model": "text-embedding-3-small", "encoding_format": "float"}
    answer = curl("OpenAI: embeddings", "/v1/embeddings", *JSON, "-d", json.dumps(asked))
    size = len(asked["input"])
    assert (answer["object"], answer["model"]) == ("list", "text-embedding-3-small")
    assert answer["data"] == [{"object": "embedding", "index": 0, "embedding": [3 * size, 0, 4 * size, 0]}]
    assert set(answer["usage"]) == {"prompt_tokens", "total_tokens"}
    assert {"text-embedding-3-small"} <= {each["id"] for each in curl("OpenAI: models", "/v1/models")["data"]}


def test_the_table_tells_of_all(curl: Curl) -> None:
    keep("curl", "any", curl.lines)
