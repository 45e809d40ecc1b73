"""The commonest body of the Open Inference Protocol v2 in one pass: JSON, all inputs FP32 and written as flat lists.

Whatever is not plainly that is left to the general way in `oip.py`, which reads it or says what is wrong with it; for
what is, both give the same (tests/unit/protocols hold them together).
"""

import struct
from functools import lru_cache
from math import prod
from typing import Any

import msgspec
import numpy as np

from bms.core.tensor import Tensor

_LONGEST = 1 << 15  # bytes; longer bodies have faster ways than one object for every number
_FP32 = np.dtype("<f4")


class FlatInput(msgspec.Struct, forbid_unknown_fields=True):
    """As `InputBody`, without parameters: those may say that there are no JSON data."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: list[float]


class FlatBody(msgspec.Struct, forbid_unknown_fields=True):
    """As `InferBody`, without a choice of outputs."""

    inputs: list[FlatInput]
    id: str | None = None
    parameters: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(FlatBody).decode


def decode_flat(body: bytes | memoryview) -> tuple[list[Tensor], FlatBody] | None:
    """The inputs, not yet checked against a signature; None for a body that this is not the way to read."""
    if len(body) > _LONGEST:
        return None
    try:
        parsed = _decode(body)
        tensors = []
        for given in parsed.inputs:
            data, shape = given.data, given.shape
            count = len(data)
            if given.datatype != "FP32" or prod(shape) != count:
                return None
            # Unlike a conversion by NumPy, packing refuses what FP32 cannot hold, and takes a third of the time.
            raw = _packer(count)(*data)
            tensors.append(Tensor(given.name, np.frombuffer(raw, _FP32).reshape(shape)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, ValueError):
        return None
    return tensors, parsed


@lru_cache(maxsize=1024)
def _packer(count: int) -> Any:
    return struct.Struct(f"<{count}f").pack
