"""Bodies of predictions: the Open Inference Protocol v2 with raw or JSON tensors, and TensorFlow Serving's columns."""

import base64
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from bms.core.errors import Internal
from bms.core.tensor import NUMPY, Array, dtype_of, from_raw, to_raw

JSON_LENGTH = "inference-header-content-length"


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


def encode_raw(tensors: Mapping[str, Array]) -> tuple[bytes, int]:
    """An infer body with all tensors raw, and the length of its JSON part."""
    raws = {name: to_raw(array) for name, array in tensors.items()}
    head = {
        "inputs": [
            {
                "name": name,
                "shape": array.shape,
                "datatype": dtype_of(array),
                "parameters": {"binary_data_size": len(raws[name])},
            }
            for name, array in tensors.items()
        ],
        "parameters": {"binary_data_output": True},
    }
    json_part = msgspec.json.encode(head)
    return b"".join((json_part, *raws.values())), len(json_part)


def encode_json(tensors: Mapping[str, Array]) -> bytes:
    """An infer body in JSON alone. BYTES must be text, since JSON has no bytes."""
    inputs = [
        {"name": name, "shape": array.shape, "datatype": dtype_of(array), "data": _plain(array)}
        for name, array in tensors.items()
    ]
    return msgspec.json.encode({"inputs": inputs})


def encode_columns(tensors: Mapping[str, Array]) -> bytes:
    """A predict body of TF Serving in columnar form; bytes as `{"b64": …}`."""
    return msgspec.json.encode({"inputs": {name: _b64(array.tolist()) for name, array in tensors.items()}})


def decode_answer(content: bytes, json_length: int | None) -> tuple[int, dict[str, Array]]:
    """The version that answered and its outputs. Raises Internal for what is no infer answer."""
    split = len(content) if json_length is None else json_length
    try:
        answer = msgspec.json.decode(memoryview(content)[:split], type=_Answer)
        outputs, at = {}, split
        for output in answer.outputs:
            size = output.parameters.get("binary_data_size")
            if isinstance(size, int):
                outputs[output.name] = from_raw(output.datatype, output.shape, memoryview(content)[at : at + size])
                at += size
            else:
                outputs[output.name] = array_of(output.data or [], output.datatype).reshape(output.shape)
        return int(answer.model_version), outputs
    except (msgspec.DecodeError, ValueError) as error:
        raise Internal(f"the server's answer is no prediction: {error}") from error


def decode_columns(content: bytes) -> dict[str, Array]:
    """TF Serving's outputs by name; the only output of a model has lost its name and is called "output"."""
    try:
        outputs = msgspec.json.decode(content, type=_Columns).outputs
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Internal(f"the server's answer is no prediction: {error}") from error
    if isinstance(outputs, Mapping):
        return {str(name): np.asarray(value) for name, value in outputs.items()}
    return {"output": np.asarray(outputs)}


def array_of(value: object, datatype: str) -> Array:
    """A numpy array of the wire's type from nested lists; text and bytes become an array of bytes objects."""
    if datatype != "BYTES":
        return np.asarray(value, dtype=NUMPY[datatype])
    if isinstance(value, str | bytes):
        value = [value]
    flat = np.asarray(value, dtype=object)
    encoded = [item if isinstance(item, bytes) else str(item).encode() for item in flat.ravel()]
    result = np.empty(len(encoded), dtype=object)
    result[:] = encoded
    return result.reshape(flat.shape)


def _plain(array: Array) -> Sequence[object]:
    return [item.decode() if isinstance(item, bytes) else item for item in array.ravel().tolist()]


def _b64(value: object) -> object:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return [_b64(item) for item in value] if isinstance(value, list) else value
