"""Tensors: named arrays, and the data types that protocols and models share.

The names are those of the Open Inference Protocol v2; BYTES elements are Python `bytes` in an object array.
"""

import struct
from math import prod
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from bms.core.errors import InvalidArgument

DType = Literal[
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
]
Array = npt.NDArray[np.generic] | npt.NDArray[np.object_]

NUMPY: dict[str, np.dtype[np.generic]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}
_NAMES: dict[np.dtype[np.generic], DType] = {kind: name for name, kind in NUMPY.items()}  # type: ignore[misc]
_SMALL = 1 << 14
MOST_TEXTS = 1 << 20  # elements of a BYTES tensor: each is an object of its own, fifty times as large as one byte
MOST_DIMENSIONS = 64  # of an array of NumPy's


class Tensor(NamedTuple):
    """A named array. BYTES tensors hold `bytes` objects in an array of dtype object."""

    name: str
    array: Array

    @property
    def dtype(self) -> DType:
        return dtype_of(self.array)


def dtype_of(array: Array) -> DType:
    """Returns the protocols' name of an array's type; text arrays count as BYTES. Raises InvalidArgument for others."""
    name = _NAMES.get(array.dtype)
    if name is None and array.dtype.kind in "US":
        return "BYTES"
    if name is None:
        name = _NAMES.get(array.dtype.newbyteorder("<"))
    if name is None:
        raise InvalidArgument(f"arrays of type {array.dtype} cannot be sent: use one of {', '.join(NUMPY)}")
    return name


def to_raw(array: Array) -> bytes | memoryview:
    """Returns row-major little-endian bytes; BYTES elements as 4-byte little-endian length and content (OIP v2)."""
    if array.dtype.kind not in "USO":
        if array.nbytes <= _SMALL and array.dtype in _NAMES:
            return array.tobytes()  # cheaper than carrying a view of its own through every write
        contiguous = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        return contiguous.data.cast("B") if contiguous.size else b""
    parts: list[bytes] = []
    for item in array.ravel():
        content = item if isinstance(item, bytes) else str(item).encode()
        parts.append(struct.pack("<I", len(content)))
        parts.append(content)
    return b"".join(parts)


def from_raw(dtype: str, shape: tuple[int, ...], raw: bytes | memoryview) -> Array:
    """Returns the array that `to_raw` wrote, sharing its memory where it can.

    Raises InvalidArgument for an unknown type, a negative dimension, or bytes that do not fill the shape
    exactly.
    """
    kind = NUMPY.get(dtype)
    if kind is None:
        raise InvalidArgument(f"unknown data type {dtype!r}: use one of {', '.join(NUMPY)}")
    count = count_of(shape)
    plain = dtype != "BYTES"
    if plain and count * kind.itemsize == len(raw):
        return shaped(np.frombuffer(raw, dtype=kind), shape)
    if shape and min(shape) < 0:
        raise InvalidArgument(f"shape {list(shape)} has a negative dimension")
    if plain:
        raise InvalidArgument(f"{dtype} {list(shape)} needs {count * kind.itemsize} bytes, {len(raw)} were delivered")
    return shaped(_strings_from_raw(count, raw), shape)


def count_of(shape: tuple[int, ...]) -> int:
    """Returns how many elements a shape has. Raises InvalidArgument for more dimensions than an array can have, of
    which the product alone could take minutes."""
    if len(shape) > MOST_DIMENSIONS:
        raise InvalidArgument(f"a shape has {len(shape)} dimensions, expected {MOST_DIMENSIONS} at most")
    return prod(shape)


def shaped(array: Array, shape: tuple[int, ...]) -> Array:
    """Reshapes `array`, which has as many elements as `shape`. Raises InvalidArgument for more dimensions, or an empty
    shape with larger ones, than an array can have."""
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError):
        raise InvalidArgument(f"shape {list(shape)[:80]} is not one that an array can have") from None


def check_texts(count: int) -> None:
    """Raises InvalidArgument for more elements than a BYTES tensor may have."""
    if count > MOST_TEXTS:
        raise InvalidArgument(
            f"a BYTES tensor of {count} elements was sent, at most {MOST_TEXTS} are taken at once: send them in parts"
        )


def _strings_from_raw(count: int, raw: bytes | memoryview) -> npt.NDArray[np.object_]:
    check_texts(count)
    if count * 4 > len(raw):
        raise InvalidArgument(f"{count} BYTES elements need at least {count * 4} bytes, {len(raw)} were delivered")
    out = np.empty(count, dtype=object)
    at = 0
    for index in range(count):
        if at + 4 > len(raw):
            raise InvalidArgument(f"BYTES data ends within element {index} of {count}")
        (length,) = struct.unpack_from("<I", raw, at)
        at += 4
        if at + length > len(raw):
            raise InvalidArgument(f"BYTES element {index} declares {length} bytes, {len(raw) - at} are left")
        out[index] = bytes(raw[at : at + length])
        at += length
    if at != len(raw):
        raise InvalidArgument(f"{len(raw) - at} bytes are left over after {count} BYTES elements")
    return out
