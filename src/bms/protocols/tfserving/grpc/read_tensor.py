"""Decodes a TensorProto to an array, in each of the forms that TensorFlow reads.

`tensor_content` are the raw bytes (of texts: their lengths as varints, then the texts); else the field of the data type
holds the values, of which the last stands for all that follow, and none is zeros. Source: tensorflow/core/framework/
tensor.cc, where values beyond the shape are dropped: here they are refused.
"""

from math import prod
from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.formats.varints import read_varint
from bms.core.tensors.tensor import MOST_DIMENSIONS, NUMPY, Array, check_texts, shaped
from bms.protocols.oip.tensors import raw_array
from bms.protocols.tfserving.grpc.data_types import FIELDS, data_type

MOST_FILLED = 4 << 20  # elements that a shape may ask to be filled in beyond those that were sent
_HALVES = ("FP16", "BF16")


def read_tensor(name: str, given: Any) -> Array:
    """Decodes a tensor. Raises InvalidArgument where the values are not those that type and shape declare. Nothing is
    made in proportion to a shape but up to MOST_FILLED elements."""
    what = f"input {name[:80]!r}"
    kind = data_type(given.dtype, what)
    shape = read_shape(what, given.tensor_shape)
    filled = [field.name for field, _ in given.ListFields() if field.name in FIELDS]
    content = given.tensor_content
    if content:
        if filled:
            raise InvalidArgument(f"{what} has {filled[0]} beside tensor_content: send one or the other")
        return _texts(what, shape, content) if kind.dtype == "BYTES" else raw_array(kind.dtype, shape, content)
    if filled not in ([], [kind.field]):
        told = f"its values go in {kind.field}, or all in tensor_content, not in {', '.join(filled)}"
        raise InvalidArgument(f"{what} is {kind.dtype}: {told}")
    return _typed(what, kind.dtype, shape, getattr(given, kind.field))


def read_shape(what: str, given: Any) -> tuple[int, ...]:
    """Returns a shape. Raises InvalidArgument for one that no tensor has."""
    if given.unknown_rank:
        raise InvalidArgument(f"{what} has a tensor_shape of unknown rank: send the shape that the values have")
    if len(given.dim) > MOST_DIMENSIONS:
        raise InvalidArgument(f"{what} has {len(given.dim)} dimensions, expected {MOST_DIMENSIONS} at most")
    shape = tuple(dim.size for dim in given.dim)
    if shape and min(shape) < 0:
        raise InvalidArgument(f"{what} has shape {list(shape)}: dimensions must not be negative")
    return shape


def _typed(what: str, dtype: str, shape: tuple[int, ...], values: Any) -> Array:
    count, sent = prod(shape), len(values)
    if sent > count:
        raise InvalidArgument(f"{what} declares shape {list(shape)}, {count} elements; {sent} were delivered")
    if count - sent > MOST_FILLED:
        raise InvalidArgument(
            f"{what} declares shape {list(shape)}, {count} elements; {sent} were delivered, and at most {MOST_FILLED} "
            "are filled in with the last of them: send them all"
        )
    if dtype == "BYTES":
        check_texts(count)
        texts = np.empty(count, dtype=object)
        texts[:sent] = list(values)
        texts[sent:] = values[-1] if sent else b""
        return shaped(texts, shape)
    array = _numbers(what, dtype, values)
    if sent < count:
        array = np.concatenate((array, np.full(count - sent, array[-1] if sent else 0, dtype=array.dtype)))
    if dtype == "BF16":
        return raw_array(dtype, shape, array.tobytes())
    return shaped(array.view("<f2") if dtype == "FP16" else array, shape)


def _numbers(what: str, dtype: str, values: Any) -> Array:
    """Returns the values as numbers, halves as their bits."""
    if dtype not in ("INT8", "INT16", "UINT8", "UINT16", *_HALVES):
        return np.fromiter(values, NUMPY[dtype], len(values))
    kind = np.dtype("<u2") if dtype in _HALVES else NUMPY[dtype]
    wide = np.fromiter(values, np.int64, len(values))
    limits = np.iinfo(kind)  # type: ignore[type-var]
    if wide.size and not limits.min <= wide.min() <= wide.max() <= limits.max:
        raise InvalidArgument(f"{what} holds a number beyond {dtype}")
    return wide.astype(kind)


def _texts(what: str, shape: tuple[int, ...], content: bytes) -> Array:
    """Decodes TensorFlow's list of strings: all lengths as varints, then all texts."""
    count, at, end = prod(shape), 0, len(content)
    check_texts(count)
    if count > end:
        raise InvalidArgument(f"{what} declares shape {list(shape)}; its {end} bytes cannot hold {count} texts")
    lengths = []
    for _ in range(count):
        length, at = read_varint(content, at, end)
        lengths.append(length)
    if sum(lengths) != end - at:
        raise InvalidArgument(f"{what} declares texts of {sum(lengths)} bytes; {end - at} were delivered")
    texts = np.empty(count, dtype=object)
    for index, length in enumerate(lengths):
        texts[index] = content[at : at + length]
        at += length
    return shaped(texts, shape)
