"""How an answer is read, dialect by dialect: the compared output as FP32 numbers in a row."""

import json
from collections.abc import Mapping

import numpy as np

from measuring import protobuf
from measuring.models import Floats


def oip(body: bytes, headers: Mapping[str, str], output: str) -> Floats:
    """Open Inference Protocol over HTTP, with JSON or binary outputs."""
    length = headers.get("inference-header-content-length")
    if length is None:
        data = next(each["data"] for each in json.loads(body)["outputs"] if each["name"] == output)
        return np.asarray(data, dtype=np.float32).ravel()
    at = int(length)
    for each in json.loads(body[:at])["outputs"]:
        size = each["parameters"]["binary_data_size"]
        if each["name"] == output:
            return np.frombuffer(body[at : at + size], dtype="<f4")
        at += size
    raise ValueError(f"no output {output!r}")


def tfserving(body: bytes, headers: Mapping[str, str], output: str) -> Floats:
    """TF Serving's row form: one object per row, or the bare value where there is one output."""
    first = json.loads(body)["predictions"][0]
    return np.asarray(first[output] if isinstance(first, dict) else first, dtype=np.float32).ravel()


def named(body: bytes, headers: Mapping[str, str], output: str) -> Floats:
    """A JSON object whose keys are the outputs: what a hand-written service answers."""
    return np.asarray(json.loads(body)[output], dtype=np.float32).ravel()


def mlflow(body: bytes, headers: Mapping[str, str], output: str) -> Floats:
    """MLflow's scoring server: the outputs below "predictions"."""
    return np.asarray(json.loads(body)["predictions"][output], dtype=np.float32).ravel()


def raw(body: bytes, headers: Mapping[str, str], output: str) -> Floats:
    """Bare tensors one after another; the compared one is the last and has ten numbers."""
    return np.frombuffer(body[-40:], dtype="<f4")


def predict(body: bytes, headers: Mapping[str, str], output: str) -> Floats:
    """A PredictResponse."""
    return protobuf.predicted(body, output)


def grpc(body: bytes, headers: Mapping[str, str], output: str) -> Floats:
    """A ModelInferResponse."""
    return protobuf.output(body, output)
