"""Binary values in MLflow's scoring protocol: bare base64 in frames and answers, in lines as MIME has it; elsewhere
texts.

Source: `cast_df_types_according_to_schema` and `NumpyEncoder` of mlflow/utils/proto_json_utils.py.
"""

import base64
import binascii
import json
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import Array, Tensor

_FRAMES = frozenset({"dataframe_split", "dataframe_records"})


def from_base64(tensors: list[Tensor], names: Collection[str], body: bytes | memoryview) -> list[Tensor]:
    """Decodes those of `tensors` that are in `names` and came as base64 in a frame; returns all as they are where
    `body` holds no frame. Values written `{"b64": …}`, as TensorFlow Serving's are, were decoded already. Raises
    InvalidArgument for a text that is no base64."""
    if not any(tensor.name in names for tensor in tensors):
        return tensors
    said = json.loads(bytes(body))
    if _FRAMES.isdisjoint(said):
        return tensors
    return [Tensor(one.name, _decoded(one, _cells(said, one.name))) if one.name in names else one for one in tensors]


def to_base64(array: Array) -> list[Any]:
    """Encodes bytes as MLflow's server writes them, nested as `array` is."""
    texts = np.empty(array.size, dtype=object)
    texts[:] = [base64.encodebytes(one).decode() for one in array.ravel().tolist()]
    return texts.reshape(array.shape).tolist()  # type: ignore[no-any-return]


def _decoded(tensor: Tensor, cells: list[Any]) -> Array:
    """Decodes base64; `cells` are the values as they were written, as far as they are known to be these."""
    values = tensor.array.ravel().tolist()
    written = cells if len(cells) == len(values) else [None] * len(values)
    out = np.empty(len(values), dtype=object)
    for at, (text, cell) in enumerate(zip(values, written, strict=True)):
        if isinstance(cell, dict):
            out[at] = text
            continue
        try:
            out[at] = base64.b64decode(b"".join(text.split()), validate=True)
        except binascii.Error:
            raise InvalidArgument(
                f"input {tensor.name!r}, value {at}: expected base64, in which MLflow's clients send bytes, or "
                f'{{"b64": "…"}}; got {text[:40].decode(errors="replace")!r}'
            ) from None
    return out.reshape(tensor.array.shape)


def _cells(said: dict[str, Any], name: str) -> list[Any]:
    """Returns a frame's column as it was written: the one of this name, or the only one there is."""
    if "dataframe_records" in said:
        column = [_named(row, list(row), name) for row in said["dataframe_records"]]
    else:
        split = said["dataframe_split"]
        names = split.get("columns") or [name]
        column = [_named(dict(zip(names, row, strict=False)), names, name) for row in split["data"]]
    return list(_flat(column))


def _named(row: dict[str, Any], names: list[str], name: str) -> Any:
    return row.get(names[0] if len(names) == 1 else name)


def _flat(value: list[Any]) -> Iterator[Any]:
    for one in value:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one
