"""Bytes in MLflow's scoring protocol: bare base64 in frames and answers, in lines as MIME has it; elsewhere texts.

Source: `cast_df_types_according_to_schema` and `NumpyEncoder` of mlflow/utils/proto_json_utils.py.
"""

import base64
import binascii
import json
from collections.abc import Collection
from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensor import Array, Tensor

_FRAMES = frozenset({"dataframe_split", "dataframe_records"})


def from_base64(tensors: list[Tensor], names: Collection[str], body: bytes | memoryview) -> list[Tensor]:
    """`tensors`, of which those in `names` came as base64 in a frame; as they are where `body` holds no frame, or has
    `{"b64": …}`, which is TensorFlow Serving's way to write bytes. Raises InvalidArgument for a text that is no base64.
    """
    if not any(tensor.name in names for tensor in tensors):
        return tensors
    said = json.loads(bytes(body))
    if _FRAMES.isdisjoint(said) or _has_b64(said):
        return tensors
    return [Tensor(one.name, _decoded(one)) if one.name in names else one for one in tensors]


def to_base64(array: Array) -> list[Any]:
    """Texts as MLflow's server writes bytes, nested as `array` is."""
    texts = np.empty(array.size, dtype=object)
    texts[:] = [base64.encodebytes(one).decode() for one in array.ravel().tolist()]
    return texts.reshape(array.shape).tolist()  # type: ignore[no-any-return]


def _decoded(tensor: Tensor) -> Array:
    out = np.empty(tensor.array.size, dtype=object)
    for at, text in enumerate(tensor.array.ravel().tolist()):
        try:
            out[at] = base64.b64decode(b"".join(text.split()), validate=True)
        except binascii.Error:
            raise InvalidArgument(
                f"input {tensor.name!r}, value {at}: expected base64, in which MLflow's clients send bytes, or "
                f'{{"b64": "…"}}; got {text[:40].decode(errors="replace")!r}'
            ) from None
    return out.reshape(tensor.array.shape)


def _has_b64(value: object) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"b64"} or any(map(_has_b64, value.values()))
    return isinstance(value, list) and any(map(_has_b64, value))
