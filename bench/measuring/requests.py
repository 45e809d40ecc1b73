"""The bytes that are sent: one row of the digits in every dialect, and the answer that must come back."""

import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from measuring.machine import DIGITS, ROOT


class Target(NamedTuple):
    """Where to POST what. `headers` without Host and Content-Length."""

    port: int
    path: str
    headers: dict[str, str]
    body: bytes

    def raw(self) -> bytes:
        """The whole HTTP/1.1 request."""
        lines = [f"POST {self.path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def row() -> npt.NDArray[np.float32]:
    """FP32 [1, 64], pixels from 0 to 1."""
    with np.load(ROOT / "tests" / "data" / "digits.npz") as data:
        return np.ascontiguousarray(data["x"][:1], dtype=np.float32)


def _numbers() -> list[float]:
    return [round(float(value), 4) for value in row()[0]]


def oip_json(port: int, key: str, model: str = "digits") -> Target:
    body = json.dumps({"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FP32", "data": _numbers()}]})
    return Target(
        port, f"/v2/models/{model}/infer", {**_bearer(key), "content-type": "application/json"}, body.encode()
    )


def tfs_json(port: int, key: str, model: str = "digits") -> Target:
    body = json.dumps({"instances": [_numbers()]}).encode()
    return Target(port, f"/v1/models/{model}:predict", {**_bearer(key), "content-type": "application/json"}, body)


def oip_binary(port: int, key: str, model: str = "digits") -> Target:
    raw = np.array([_numbers()], dtype="<f4").tobytes()
    described = {"name": "x", "shape": [1, 64], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [described], "parameters": {"binary_data_output": True}}).encode()
    headers = {**_bearer(key), "inference-header-content-length": str(len(head))}
    return Target(
        port, f"/v2/models/{model}/infer", {**headers, "content-type": "application/octet-stream"}, head + raw
    )


def expected() -> npt.NDArray[np.float32]:
    """The probabilities, FP32 [10], that ONNX Runtime gives for the row as it is sent."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(DIGITS), providers=["CPUExecutionProvider"])
    answer = session.run(["probabilities"], {"x": np.array([_numbers()], dtype=np.float32)})[0][0]
    return np.asarray(answer, dtype=np.float32)


def probabilities(body: bytes, json_length: int | None) -> npt.NDArray[np.float32]:
    """Those in an answer of any of the dialects."""
    if json_length is not None:
        described = json.loads(body[:json_length])["outputs"]
        at = json_length
        for output in described:
            size = output["parameters"]["binary_data_size"]
            if output["name"] == "probabilities":
                return np.frombuffer(body[at : at + size], dtype="<f4")
            at += size
    answer = json.loads(body)
    if "predictions" in answer:
        return np.asarray(answer["predictions"][0]["probabilities"], dtype=np.float32)
    data = next(output["data"] for output in answer["outputs"] if output["name"] == "probabilities")
    return np.asarray(data, dtype=np.float32)


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}
