"""The bytes that are sent: the same numbers in every dialect, each with the way to read its answer."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from measuring import answers, protobuf
from measuring.models import ROW, Floats, Model, numbers, tensor

Reader = Callable[[bytes, Mapping[str, str], str], Floats]
PREDICT_PATH = "/tensorflow.serving.PredictionService/Predict"
GRPC_PATH = "/inference.GRPCInferenceService/ModelInfer"
FRESH = "x-request-id"


class Target(NamedTuple):
    """Where to POST what. `headers` without Host and Content-Length; `model` and `read` say what must come back.

    `grpc`: `body` is a framed message for HTTP/2. `fresh`: every request gets an x-request-id of its own.
    """

    port: int
    path: str
    headers: dict[str, str]
    body: bytes
    model: Model = ROW
    read: Reader = answers.oip
    grpc: bool = False
    fresh: bool = False

    def raw(self) -> bytes:
        """The whole HTTP/1.1 request."""
        lines = [f"POST {self.path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def oip_json(port: int, key: str, model: str = ROW.name, of: Model = ROW) -> Target:
    return Target(port, _v2(model), _json(key), _oip_json(of), of)


def oip_binary(port: int, key: str, model: str = ROW.name, of: Model = ROW) -> Target:
    head, raw = _oip_binary(of)
    headers = {**_bearer(key), "inference-header-content-length": str(len(head))}
    return Target(port, _v2(model), {**headers, "content-type": "application/octet-stream"}, head + raw, of)


def oip_grpc(port: int, key: str, model: str = ROW.name, of: Model = ROW) -> Target:
    body = protobuf.message(protobuf.infer_request(model, "x", tensor(of)))
    headers = {**_bearer(key), "content-type": "application/grpc", "te": "trailers"}
    return Target(port, GRPC_PATH, headers, body, of, answers.grpc, grpc=True)


def tfs_grpc(port: int, key: str, model: str = ROW.name, of: Model = ROW) -> Target:
    body = protobuf.message(protobuf.predict_request(model, "x", tensor(of)))
    headers = {**_bearer(key), "content-type": "application/grpc", "te": "trailers"}
    return Target(port, PREDICT_PATH, headers, body, of, answers.predict, grpc=True)


def tfs_json(port: int, key: str, model: str = ROW.name) -> Target:
    body = json.dumps({"instances": [numbers(ROW)]}).encode()
    return Target(port, f"/v1/models/{model}:predict", _json(key), body, ROW, answers.tfserving)


def named_json(port: int, path: str, of: Model, wrap: str = "", read: Reader = answers.named) -> Target:
    """{"x": nested numbers}, below the key `wrap` where one is given."""
    return Target(port, path, _json(""), _named_json(of, wrap), of, read)


def raw_tensor(port: int, path: str, of: Model) -> Target:
    """The tensor's bytes and nothing else."""
    headers = {"content-type": "application/octet-stream"}
    return Target(port, path, headers, tensor(of).tobytes(), of, answers.raw)


@functools.cache
def _oip_json(of: Model) -> bytes:
    given = {"name": "x", "shape": list(of.shape), "datatype": "FP32", "data": numbers(of)}
    return json.dumps({"inputs": [given]}).encode()


@functools.cache
def _oip_binary(of: Model) -> tuple[bytes, bytes]:
    raw = tensor(of).tobytes()
    given = {"name": "x", "shape": list(of.shape), "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    return json.dumps({"inputs": [given], "parameters": {"binary_data_output": True}}).encode(), raw


@functools.cache
def _named_json(of: Model, wrap: str) -> bytes:
    values = iter(numbers(of))

    def nested(shape: tuple[int, ...]) -> object:
        return [nested(shape[1:]) for _ in range(shape[0])] if shape else next(values)

    given = {"x": nested(of.shape)}
    return json.dumps({wrap: given} if wrap else given).encode()


def _v2(model: str) -> str:
    return f"/v2/models/{model}/infer"


def _json(key: str) -> dict[str, str]:
    return {**_bearer(key), "content-type": "application/json"}


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}
