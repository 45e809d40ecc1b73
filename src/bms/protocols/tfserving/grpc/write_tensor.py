"""Encodes an array as a TensorProto.

Values are written in the field of their type, as TensorFlow Serving does: clients read `float_val` and the like. By
hand: packed floats and doubles are their raw bytes, which are so copied once.
"""

from functools import lru_cache

import numpy as np

from bms.core.formats.varints import pack_int64, varint
from bms.core.tensors.tensor import Array, dtype_of, to_raw
from bms.protocols.protobuf.wire import field, varint_field
from bms.protocols.tfserving.grpc.data_types import FIELD_OF, NUMBERS

Parts = list[bytes | memoryview]
_PIECE = 1 << 16  # numbers that are packed at once, which takes many times their own memory
_MASK = (1 << 64) - 1
_FEW = 16  # numbers that are packed faster one by one
_AS_THEY_ARE = frozenset(("FP32", "FP64"))  # values whose packed field is their bytes


def write_entry(number: int, name: str, array: Array, parts: Parts) -> None:
    """Adds to `parts` an entry of field `number`, a map from names to tensors."""
    dtype = dtype_of(array)
    if dtype in _AS_THEY_ARE:
        content = to_raw(array)
    elif dtype == "BYTES":
        described = _described(dtype, array.shape)
        texts = b"".join([field(FIELD_OF[dtype], _text(item)) for item in array.ravel()])
        named = field(1, name.encode()) + field(2, b"", len(described) + len(texts))
        parts += (field(number, b"", len(named) + len(described) + len(texts)), named, described, texts)
        return
    else:
        content = _packed(dtype, array)
    parts += (_head(number, name, dtype, array.shape, len(content)), content)


@lru_cache(maxsize=1024)
def _head(number: int, name: str, dtype: str, shape: tuple[int, ...], size: int) -> bytes:
    """Encodes all that stands before `size` bytes of packed values."""
    described = _described(dtype, shape)
    if size:
        described += field(FIELD_OF[dtype], b"", size)
    named = field(1, name.encode()) + field(2, b"", len(described) + size) + described
    return field(number, b"", len(named) + size) + named


@lru_cache(maxsize=1024)
def _described(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Encodes data type and shape."""
    dims = b"".join(field(2, varint_field(1, size)) for size in shape)
    return varint_field(1, NUMBERS[dtype]) + field(2, dims)


def _packed(dtype: str, array: Array) -> bytes:
    """Encodes values as varints, of halves their bits."""
    if dtype == "BOOL":  # a client's own bytes, passed through, may be others than 0 and 1
        return np.not_equal(np.ascontiguousarray(array).view(np.uint8), 0).tobytes()
    flat = array.ravel()
    if dtype == "FP16":
        flat = flat.astype("<f2", copy=False).view("<u2")
    if len(flat) <= _FEW:
        return b"".join([varint(value & _MASK) for value in flat.tolist()])
    if dtype == "UINT64":
        flat = flat.astype("<u8", copy=False).view("<i8")
    pieces = range(0, len(flat), _PIECE)
    return b"".join([pack_int64(flat[at : at + _PIECE].astype(np.int64)) for at in pieces])


def _text(item: object) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode()
