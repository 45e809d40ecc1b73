"""Decodes answers: of the Open Inference Protocol v2 with raw or JSON tensors, and of TensorFlow Serving."""

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import TypeVar

import msgspec
import numpy as np

from bms.core.errors import Internal
from bms.core.tensors.tensor import NUMPY, Array, from_raw

T = TypeVar("T")


class _Output(msgspec.Struct):
    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[object] | None = None
    parameters: dict[str, object] = {}


class _Answer(msgspec.Struct):
    model_version: str
    outputs: list[_Output]
    model_name: str = ""


class _Columns(msgspec.Struct):
    outputs: object


def decode_answer(content: bytes, json_length: int | None) -> tuple[int, dict[str, Array]]:
    """Decodes an infer answer: the version that answered, and its outputs. Raises Internal for what is no infer
    answer."""
    split = len(content) if json_length is None else json_length
    try:
        answer = read(content[:split], _Answer)
        outputs, at = {}, split
        for output in answer.outputs:
            size = output.parameters.get("binary_data_size")
            if isinstance(size, int):
                outputs[output.name] = from_raw(output.datatype, output.shape, memoryview(content)[at : at + size])
                at += size
            else:
                outputs[output.name] = array_of(output.data or [], output.datatype).reshape(output.shape)
        return int(answer.model_version), outputs
    except ValueError as error:
        raise Internal(f"the server's answer is no prediction: {error}") from error


def decode_columns(content: bytes) -> dict[str, Array]:
    """Decodes TF Serving's outputs by name; an only output has no name there and is called "output"."""
    try:
        outputs = read(content, _Columns).outputs
    except ValueError as error:
        raise Internal(f"the server's answer is no prediction: {error}") from error
    if isinstance(outputs, Mapping):
        return {str(name): np.asarray(value) for name, value in outputs.items()}
    return {"output": np.asarray(outputs)}


def array_of(value: object, datatype: str) -> Array:
    """Makes a NumPy array of the wire's type from an answer's nested lists; texts become an array of bytes objects."""
    if datatype != "BYTES":
        return np.asarray(value, dtype=NUMPY[datatype])
    flat = np.asarray(value, dtype=object)
    encoded = [item if isinstance(item, bytes) else str(item).encode() for item in flat.ravel()]
    result = np.empty(len(encoded), dtype=object)
    result[:] = encoded
    return result.reshape(flat.shape)


def read(content: bytes, kind: type[T]) -> T:
    """Parses JSON, also with the bare NaN and Infinity that answers may hold. Raises ValueError."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        if b"NaN" not in content and b"Infinity" not in content:
            raise
        return msgspec.convert(json.loads(content), type=kind)


def as_texts(array: Array) -> Array:
    """Decodes an array of bytes to one of `str`, or keeps `bytes` where any element is no UTF-8; others as they are."""
    if array.dtype.kind not in "OUS":
        return array
    items = [_plain(item) for item in array.ravel().tolist()]
    try:
        told: list[object] = [item.decode() if isinstance(item, bytes) else item for item in items]
    except UnicodeDecodeError:
        told = [item.encode() if isinstance(item, str) else item for item in items]
    texts = np.empty(len(told), dtype=object)
    texts[:] = told
    return texts.reshape(array.shape)


def _plain(item: object) -> object:
    """Bytes where JSON has them as `{"b64": "…"}`."""
    if isinstance(item, dict) and set(item) == {"b64"}:
        return b64decode(item["b64"])
    return item
