"""Encodes request bodies: the Open Inference Protocol v2 with raw or JSON tensors, and TensorFlow Serving's JSON."""

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import dtype_of, to_raw
from bms.sdk.predictions.sent import SentInputs

JSON_LENGTH = "inference-header-content-length"


def encode_raw(sent: SentInputs) -> tuple[bytes, int]:
    """Encodes an infer body with all tensors raw, and gives the length of its JSON part."""
    tensors = sent.tensors()
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
        "parameters": {"binary_data_output": True, **sent.parameters},
    }
    json_part = msgspec.json.encode(head)
    return b"".join((json_part, *raws.values())), len(json_part)


def encode_json(sent: SentInputs) -> bytes:
    """Encodes an infer body in JSON alone, null for missing values. Raises InvalidArgument for BYTES that are no
    text."""
    inputs = [
        {"name": name, "shape": array.shape, "datatype": dtype_of(array), "data": _cells(sent, name, _text, flat=True)}
        for name, array in sent.arrays.items()
    ]
    return _json({"inputs": inputs, **({"parameters": sent.parameters} if sent.parameters else {})}, sent)


def encode_columns(sent: SentInputs) -> bytes:
    """Encodes a predict body of TF Serving in columnar form, null for missing values; bytes that are no text in
    base64."""
    columns = {name: _cells(sent, name, _text_or_b64) for name in sent.arrays}
    return _json({"inputs": columns, **sent.parameters}, sent)


def encode_inputs(sent: SentInputs) -> bytes:
    """Encodes a generate body: inputs by name, all as they are. Raises InvalidArgument for what it has no words for:
    missing values, and BYTES that are no text."""
    if sent.missing:
        name = next(iter(sent.missing))
        raise InvalidArgument(f"column {name!r} has missing values, with which a stream can't be asked: fill them in")
    inputs = {name: _cells(sent, name, _text) for name in sent.arrays}
    return _json({**inputs, **({"parameters": sent.parameters} if sent.parameters else {})}, sent)


def encode_examples(sent: SentInputs) -> bytes:
    """Encodes a classify body of TF Serving, likewise. Raises InvalidArgument where inputs have different numbers of
    rows."""
    counts = {len(array) if array.ndim else 0 for array in sent.arrays.values()}
    if len(counts) != 1:
        raise InvalidArgument("the inputs have different numbers of rows")
    columns = {name: _cells(sent, name, _text_or_b64) for name in sent.arrays}
    examples = [{name: column[row] for name, column in columns.items()} for row in range(counts.pop())]
    return _json({"examples": examples, **sent.parameters}, sent)


def _json(body: object, sent: SentInputs) -> bytes:
    """NaN is null, which means the same; infinities are bare words, as JSON has none for them."""
    if any(array.dtype.kind == "f" and np.isinf(array).any() for array in sent.arrays.values()):
        return json.dumps(body, separators=(",", ":")).encode()
    return msgspec.json.encode(body)


def _cells(sent: SentInputs, name: str, text: Callable[[str, bytes], object], *, flat: bool = False) -> Any:
    """The values of one input as nested lists, or in one list; None for what is missing."""
    array, missing = sent.arrays[name], sent.missing.get(name)
    cells = array.ravel() if flat else array
    if array.dtype.kind in "OSU":
        texts = np.empty(array.size, dtype=object)
        texts[:] = [text(name, one) if isinstance(one, bytes) else str(one) for one in array.ravel().tolist()]
        cells = texts.reshape(cells.shape)
    nested = cells.tolist()
    if missing is None:
        return nested
    return [None if gone else cell for cell, gone in zip(nested, missing.tolist(), strict=True)]


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InvalidArgument(f"input {name!r} holds bytes that are not UTF-8: send them by wire 'raw'") from None


def _text_or_b64(name: str, content: bytes) -> object:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(content).decode()}
