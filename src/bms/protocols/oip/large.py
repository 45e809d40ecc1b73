"""A fast path for large JSON bodies of the Open Inference Protocol v2 whose tensors are flat lists of numbers, by
simdjson.

As with `oip/flat.py`, whatever is not plainly that is left to the general way, and for what is, both give the same.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from bms.core.tensors.casting import holds_exactly
from bms.core.tensors.tensor import MOST_DIMENSIONS, Array, Tensor
from bms.protocols.json.numbers import LARGE, numbers, simdjson

_OPEN = ord("[")
_BODY = frozenset({"inputs", "id", "parameters"})
_INPUT = ["data", "datatype", "name", "shape"]
Large = tuple[list[Tensor], str | None, Mapping[str, Any]]


def decode_large(body: bytes | memoryview) -> Large | None:
    """Returns the inputs, not yet checked against a signature; the id; the parameters. None for any other body."""
    if simdjson is None or len(body) < LARGE:
        return None
    try:
        return _read(body)
    except (ValueError, TypeError, RuntimeError, KeyError, RecursionError):
        return None  # simdjson's words for: not JSON; not of this type; a number too large; not there


def _read(body: bytes | memoryview) -> Large | None:
    parsed: Any = simdjson.Parser().parse(body)
    if not isinstance(parsed, simdjson.Object):
        return None
    keys = list(parsed.keys())
    if not _BODY.issuperset(keys) or len(set(keys)) != len(keys):
        return None
    inputs, id, given = parsed["inputs"], parsed.get("id"), parsed.get("parameters")
    if not isinstance(inputs, simdjson.Array) or not isinstance(given, simdjson.Object | None):
        return None
    if not isinstance(id, str | None):
        return None
    parameters: Mapping[str, Any] = given.as_dict() if given is not None else {}
    # A bracket for the inputs, and two for each of them: then no list of numbers holds another list.
    if np.count_nonzero(np.frombuffer(body, np.uint8) == _OPEN) != 1 + 2 * len(inputs):
        return None
    tensors = []
    for each in inputs:
        tensor = _input(each)
        if tensor is None:
            return None
        tensors.append(tensor)
    return tensors, id, parameters


def _input(given: Any) -> Tensor | None:
    if not isinstance(given, simdjson.Object) or sorted(given.keys()) != _INPUT:
        return None
    name, dtype, shape, data = given["name"], given["datatype"], given["shape"], given["data"]
    if not (isinstance(name, str) and isinstance(dtype, str)):
        return None
    if not (isinstance(shape, simdjson.Array) and isinstance(data, simdjson.Array)):
        return None
    sizes: tuple[Any, ...] = tuple(shape.as_list())
    if any(type(size) is not int or size < 0 for size in sizes):
        return None
    array: Array | None = numbers(data, dtype)
    if array is None or len(sizes) > MOST_DIMENSIONS or array.size != prod(sizes):
        return None
    if array.dtype.kind == "f" and not holds_exactly(array, dtype):
        return None  # the general way tells of digits that are lost
    return Tensor(name, array.reshape(sizes))
