"""An array to a TensorProto.

Values are written in the field of their type, as TensorFlow Serving does: clients read `float_val` and the like. By
hand: for floats, doubles and truth values that field is their raw bytes, which are so copied once.
"""

from functools import lru_cache
from math import prod

import numpy as np

from bms.core.tensor import NUMPY, Array, dtype_of, to_raw
from bms.core.varints import pack_int64
from bms.protocols.protobuf.wire import field, varint_field
from bms.protocols.tfserving_grpc.data_types import FIELDS, NUMBERS, data_type

Parts = list[bytes | memoryview]
_PIECE = 1 << 16  # numbers that are packed at once, which takes many times their own memory
_AS_THEY_ARE = frozenset(("FP32", "FP64", "BOOL"))  # values whose packed field is their bytes


def write_entry(number: int, name: str, array: Array, parts: Parts) -> None:
    """Adds to `parts` an entry of field `number`, a map from names to tensors."""
    dtype = dtype_of(array)
    if dtype == "BOOL":
        array = np.not_equal(
            array.view(np.uint8), 0
        )  # a client's own bytes, passed through, may be others than 0 and 1
    if dtype in _AS_THEY_ARE:
        parts += (_head(number, name, dtype, array.shape), to_raw(array))
    else:
        head, content = _described(dtype, array.shape), _content(dtype, array)
        size = len(head) + len(content)
        named = field(1, name.encode()) + field(2, b"", size)
        parts += (field(number, b"", len(named) + size), named, head, content)


@lru_cache(maxsize=1024)
def _head(number: int, name: str, dtype: str, shape: tuple[int, ...]) -> bytes:
    """All that stands before the bytes of values."""
    size = prod(shape) * NUMPY[dtype].itemsize
    described = _described(dtype, shape)
    if size:
        described += field(FIELDS[data_type(NUMBERS[dtype], name).field], b"", size)
    named = field(1, name.encode()) + field(2, b"", len(described) + size) + described
    return field(number, b"", len(named) + size) + named


@lru_cache(maxsize=1024)
def _described(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Data type and shape."""
    return varint_field(1, NUMBERS[dtype]) + field(2, write_shape(shape))


def write_shape(shape: tuple[int, ...]) -> bytes:
    """A TensorShapeProto."""
    return b"".join(field(2, varint_field(1, size)) for size in shape)


def _content(dtype: str, array: Array) -> bytes:
    number = FIELDS[data_type(NUMBERS[dtype], dtype).field]
    flat = array.ravel()
    if dtype == "BYTES":
        return b"".join(field(number, item if isinstance(item, bytes) else str(item).encode()) for item in flat)
    if dtype == "FP16":
        flat = flat.astype("<f2", copy=False).view("<u2")
    elif dtype == "UINT64":
        flat = flat.astype("<u8", copy=False).view("<i8")
    pieces = [pack_int64(flat[at : at + _PIECE].astype(np.int64)) for at in range(0, len(flat), _PIECE)]
    return field(number, b"".join(pieces)) if pieces else b""
