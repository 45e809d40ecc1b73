"""Clients as people have them, unmodified, each in an environment and a process of its own, against one platform.

What each was tried for is in its script; docs/protocols.md has a row for each, checked here.
"""

import re
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.clients import node
from tests.clients.environments import ENVIRONMENTS, OPENAI_NODE, openai_tokens
from tests.clients.table import keep
from tests.framework_env import told_by
from tests.worlds.platforms import RealPlatform

HERE = Path(__file__).parent
IRIS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]
DOUBLED = [[pytest.approx(2 * value + 1) for value in row] for row in IRIS]  # what the model "mixed" does
CENTRE = [5.9, 2.8, 4.3, 1.3]  # which the model "flowers" explains by
DEPLOYED = [
    *(
        "flowers",
        "half_plus_two",
        "labels",
        "mixed",
        "mnist-svm",
        "orders",
        "says",
        "sklearn-iris",
        "text-embedding-3-small",
    ),
]
ONE = [[3.0, 5.0, 7.0, 9.0]]
LABELS = ("labels", "labels, binary", "labels, by name", "grpc labels", "grpc labels, by name")
pytestmark = pytest.mark.timeout(300)


def told(client: str, served: RealPlatform) -> dict[str, Any]:
    """What the client got, by what it tried; of a refusal its words, behind the name of what was raised."""
    lines = told_by(ENVIRONMENTS[client], HERE / f"asks_{client}.py", served.url, served.key)
    keep(client, ENVIRONMENTS[client][0].replace("==", " "), lines)
    return by_what(lines)


def by_what(lines: list[Any]) -> dict[str, Any]:
    return {line["what"]: line["got"] if "got" in line else f"{line['refused']}: {line['words']}" for line in lines}


def test_kserves_sdk(served: RealPlatform) -> None:
    got = told("kserve", served)
    refused = {what: got.pop(what) for what in list(got) if str(got[what]).startswith("HTTPStatusError")}
    scores = got.pop("v1 classifier")
    every = got.pop("labels, and all that metadata tell")
    event = ["io.kserve.inference.response", "io.kserve.inference.labels", {"predictions": [1, 1]}]
    away = [
        [pytest.approx(abs(value - centre), abs=1e-5) for value, centre in zip(row, CENTRE, strict=True)]
        for row in IRIS
    ]
    explained = [event[0], "io.kserve.inference.flowers", {"explanations": away}]
    assert got == {
        **dict.fromkeys(("live", "ready", "model ready", "v1 live", "v1 model ready"), True),
        **dict.fromkeys(("grpc live", "grpc ready", "grpc model ready"), True),
        **dict.fromkeys(("no such model ready", "grpc no such model ready"), False),
        "named": {"y": ONE},
        **{what: {"y": DOUBLED} for what in ("input-0, FP64", "binary", "binary both ways", "grpc raw")},
        "grpc typed": {"y": ONE},
        "two inputs": {"sum": [6, 8]},
        "frame": {"total": [3, 8], "told": ["a: 3", "b: 8"]},
        "grpc frame": {"total": [3, 8], "told": [": 3", ": 8"]},
        "text": {"embedding": [[3, 0, 4, 0], [9, 0, 12, 0]], "size": [1, 3]},
        **{what: {"output-0": [1, 1]} for what in LABELS},
        "v1 instances": {"predictions": DOUBLED},
        "v1 inputs": {"outputs": DOUBLED},
        "v1 texts": {"predictions": [{"embedding": [3, 0, 4, 0], "size": 1}, {"embedding": [9, 0, 12, 0], "size": 3}]},
        "v1 labels": {"predictions": [1, 1]},
        "v1 explain": {"explanations": away},
        "event, structured": event,
        "event, binary": event,
        **dict.fromkeys(("explain event, structured", "explain event, binary"), explained),
    }
    assert [len(row) for row in scores["predictions"]] == [3, 3]
    assert every == {"output-0": [1], "scores": [pytest.approx(scores["predictions"][0])]}
    status = {what: re.findall(r", '(\d{3}) ", words)[0] for what, words in refused.items()}
    assert status == {
        "wrong shape": "400",
        "no such model": "404",
        "v1 no such model ready": "404",
        "v1 no explainer": "501",
    }
    metrics = httpx.get(f"{served.url}/metrics", trust_env=False).text
    assert 'dialect="infer",member="model_name"} ' in metrics


def test_mlservers_codecs(served: RealPlatform) -> None:
    got = told("mlserver", served)
    mixed = got.pop("a column of texts and truth values")
    assert got == {
        **{what: {"y": DOUBLED} for what in ("numpy request", "numpy input", "frame for a matrix")},
        "numpy answer": DOUBLED,
        "vectors": {"sum": [3, 4]},
        "string request": {"embedding": [[3, 0, 4, 0], [9, 0, 12, 0]], "size": [1, 3]},
        "string request of bytes": {"embedding": [[9, 0, 12, 0]], "size": [3]},
        "base64": {"embedding": [[42, 0, 56, 0]], "size": [14]},
        "datetime": {"embedding": [[57, 0, 76, 0]], "size": [19]},
        "frame": {"total": [4.5, 10], "told": ["a: 4.5", "b: 10"]},
    }
    assert mixed.startswith("RuntimeError: 400 ")


VECTORS = [[3, 0, 4, 0], [9, 0, 12, 0]]  # of "a" and "bcd"
NOT_THERE = "no deployment 'nothing'"


def test_openais_client(served: RealPlatform) -> None:
    bad, unknown = ["BadRequestError", 400, "invalid_request_error"], ["NotFoundError", 404, "invalid_request_error"]
    assert told("openai", served) == {
        "embeddings": VECTORS,
        "one text, floats": VECTORS[:1],
        "dimensions": [[1]],
        "at once": [3, 6, 9, 12, 15],
        "models": DEPLOYED,
        "model": "mixed",
        "no such model": [*unknown, "model_not_found", True],
        "no embeddings": [*bad, "invalid_argument", True],
        "a wrong key": ["AuthenticationError", 401, "authentication_error", "invalid_api_key", True],
        **{
            what: [*unknown, "unknown_url", True]
            for what in ("chat", "chat, streamed", "completions", "responses", "files", "batches", "images")
        },
        "delete": ["APIStatusError", 405, "invalid_request_error", "method_not_allowed", True],
    }


def test_langchains_embeddings(served: RealPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(openai_tokens().parent))  # which tiktoken would fetch otherwise
    got = told("langchain", served)
    missing = got.pop("no such model")
    assert missing.startswith("NotFoundError")
    assert NOT_THERE in missing
    both = {"texts": VECTORS, "token ids, as by default": VECTORS}
    assert got == {**both, "a query of more than ASCII": [3 * 13, 0, 4 * 13, 0]}


def test_llama_indexs_embeddings(served: RealPlatform) -> None:
    got = told("llama_index", served)
    assert NOT_THERE in got.pop("no such model")
    assert got == {"texts": VECTORS, "a query": VECTORS[0], "dimensions": [1]}


def test_litellm(served: RealPlatform) -> None:
    got = told("litellm", served)
    assert NOT_THERE in got.pop("no such model")
    missing = got.pop("triton: no such model")
    assert missing.startswith("NotFoundError")
    assert NOT_THERE in missing
    assert got == {
        **dict.fromkeys(("texts", "as floats", "by the name of a server like OpenAI's"), VECTORS),
        "triton: generate": "to be or not",
        "triton: generate, bounded": "to be",
        "triton: infer": "to be or",
        "triton: streamed": "to be or not",
    }


@pytest.mark.skipif(bool(node.missing()), reason=node.missing())
def test_nodes_fetch_its_http2_and_openais_client_for_it(served: RealPlatform) -> None:
    lines = node.told_by_node(HERE / "asks_node.mjs", node.packages(OPENAI_NODE), served.url, served.key)
    keep("openai-node", OPENAI_NODE.replace("@", " "), [each for each in lines if each["what"].startswith("openai: ")])
    keep("node", "≥ 18", [each for each in lines if not each["what"].startswith("openai: ")])
    got = by_what(lines)
    assert got.pop("fetch: given up").startswith("DOMException")
    first, many, live, who = got.pop("http2: many at once")
    assert (first, many, live) == ([200, {"predictions": DOUBLED}], [200, 500], [200, {"live": True}])
    assert who == [200, "owner"]
    predicted = {"status": 200, "predictions": DOUBLED}
    unknown = ["NotFoundError", 404, "invalid_request_error"]
    assert got == {
        **{f"fetch: {what}": predicted for what in ("JSON", "a stream of gzip")},
        "fetch: a string": {"status": 200, "predictions": [1, 1]},
        "fetch: raw tensors": [number for row in DOUBLED for number in row],
        "fetch: server-sent events": ["text/event-stream; charset=utf-8", DOUBLED[0]],
        "fetch: a missing number": '{"predictions":[[3.0,NaN,7.0,9.0]]}',
        "fetch: no such model": 404,
        "openai: embeddings": VECTORS,
        "openai: as floats": VECTORS[0],
        "openai: models": DEPLOYED,
        "openai: no such model": [*unknown, "model_not_found"],
        "openai: chat": [*unknown, "unknown_url"],
    }


def test_httpx_over_http2(served: RealPlatform) -> None:
    got = told("http2", served)
    version, status, who = got.pop("control")
    assert (version, status, who["role"]) == ("HTTP/2", 200, "owner")
    missing = got.pop("no such model")
    assert missing[:2] == ["HTTP/2", 404]
    assert NOT_THERE in missing[2]["error"]
    assert got == {
        "predict": ["HTTP/2", 200, {"predictions": DOUBLED}],
        "at once": [2 * number + 1 for number in range(40)],
        "large": ["HTTP/2", 200, 20_000],
        "stream": ["HTTP/2", 1],
    }


def test_grpcio_by_reflection(served: RealPlatform) -> None:
    got = told("grpcio", served)
    missing = got.pop("no such model")
    assert "NOT_FOUND" in missing
    methods = got.pop("methods")
    assert {"ModelInfer", "ModelStreamInfer", "ServerLive", "RepositoryIndex"} <= set(methods)
    assert got.pop("services") == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
        "tensorflow.serving.ModelService",
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.SessionService",
    ]
    assert got == {"infer": [3, 5, 7, 9], "live": True, "TensorFlow Serving's status": "1", "health": ["SERVING"] * 2}


def test_labels_come_in_tritons_stream_as_they_come_alone(served: RealPlatform) -> None:
    """KServe's SDK has no stream. By Triton's messages, of a deployment that answers as KServe does."""
    given = {"name": "x", "datatype": "FP32", "shape": [2, 4], "contents": {"fp32_contents": [*IRIS[0], *IRIS[1]]}}
    wanted: list[list[dict[str, str]]] = [[], [{"name": "output-0"}], [{"name": "scores"}, {"name": "output-0"}]]
    asked = [service_pb2.ModelInferRequest(model_name="labels", inputs=[given], outputs=names) for names in wanted]
    with grpc.insecure_channel(served.url.removeprefix("http://")) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        key = [("authorization", f"Bearer {served.key}")]
        told = list(stub.ModelStreamInfer(iter(asked), timeout=30, metadata=key))
    assert [each.error_message for each in told] == ["", "", ""]
    answers = [each.infer_response for each in told]
    names = [["output-0"], ["output-0"], ["scores", "output-0"]]
    assert [[output.name for output in answer.outputs] for answer in answers] == names
    for answer in answers:
        assert np.frombuffer(answer.raw_output_contents[-1], np.int64).tolist() == [1, 1]
