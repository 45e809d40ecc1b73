"""MLServer's content types: what the elements of a tensor are, where its parameter `content_type` says so.

Source: https://mlserver.readthedocs.io/en/latest/user-guide/content-type.html and mlserver/codecs. Numbers (`np`),
texts (`str`) and dates (`datetime`, ISO 8601) are what they are on the wire already.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.json.repeats import once

BASE64 = "base64"
NUMPY_BYTES = "np"
JSON_COLUMN = "pd_json"  # of a frame's column that holds neither texts alone nor numbers alone
_KINDS: dict[type, Any] = {bool: np.bool_, int: "<i8", float: "<f8"}


def content_of(said: object, name: str, signatures: Mapping[str, Signature]) -> object:
    """Returns the content type that is declared for an input of that name; None for JSON where one of these signatures
    has a column of JSON there, which takes it as it is."""
    if said == JSON_COLUMN:
        columns = [spec.column for one in signatures.values() for spec in one.inputs if spec.name == name]
        if any(column is not None and column.type == "json" for column in columns):
            return None
    return said


def decoded_content(tensor: Tensor, content_type: object) -> list[Tensor]:
    """Decodes a tensor by its content type; returns it and a mask of what is missing where `pd_json` says null.

    Raises InvalidArgument for elements that are not what is declared.
    """
    if tensor.dtype != "BYTES" or content_type not in (BASE64, JSON_COLUMN):
        return [tensor]
    if content_type == BASE64:
        return [Tensor(tensor.name, _from_base64(tensor))]
    return _from_json(tensor)


def cut_bytes(shape: tuple[int, ...], elements: list[bytes]) -> Array | None:
    """Cuts NumPy's fixed-width bytes, which come as one element, into as many as the shape has, as NumPy reads them,
    without zeros at the end. None where they are no such."""
    count = prod(shape)
    if len(elements) != 1 or count < 2 or not elements[0] or len(elements[0]) % count:
        return None
    width = len(elements[0]) // count
    out = np.empty(count, dtype=object)
    out[:] = [elements[0][at * width : (at + 1) * width].rstrip(b"\0") for at in range(count)]
    return out.reshape(shape)


def one_text(shape: tuple[int, ...], elements: Sequence[bytes]) -> bool:
    """Whether a shape is that of one text's bytes, as MLServer's examples describe it, and not of the one element."""
    return len(elements) == 1 and shape == (len(elements[0]),)


def _from_base64(tensor: Tensor) -> Array:
    out = np.empty(tensor.array.size, dtype=object)
    for index, item in enumerate(tensor.array.ravel().tolist()):
        try:
            out[index] = base64.b64decode(item, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidArgument(
                f"input {tensor.name[:80]!r} has the content type base64, and element {index} is not base64"
            ) from None
    return out.reshape(tensor.array.shape)


def _from_json(tensor: Tensor) -> list[Tensor]:
    values: list[Any] = []
    for index, item in enumerate(tensor.array.ravel().tolist()):
        try:
            values.append(json.loads(item, object_pairs_hook=once))
        except (ValueError, RecursionError):
            raise InvalidArgument(
                f"input {tensor.name[:80]!r} has the content type pd_json, and element {index} is not JSON"
            ) from None
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        kinds = {float}
    if len(kinds) > 1 or not kinds <= {bool, int, float, str}:
        raise InvalidArgument(f"input {tensor.name[:80]!r} must hold texts alone, numbers alone or truth values alone")
    (kind,) = kinds or {float}
    missing = np.array([value is None for value in values], dtype=np.bool_)
    filled: Array
    if kind is str:
        filled = np.empty(len(values), dtype=object)
        filled[:] = [b"" if value is None else value.encode() for value in values]
    else:
        try:
            filled = np.array([kind(0) if value is None else value for value in values], dtype=_KINDS[kind])
        except OverflowError:
            raise InvalidArgument(f"input {tensor.name[:80]!r} holds a number that INT64 cannot hold") from None
    made = Tensor(tensor.name, filled.reshape(tensor.array.shape))
    return [made, Tensor(mask_name(tensor.name), missing)] if missing.any() else [made]
