"""Encodes and decodes tf.train.Example: a map from names to lists of bytes, floats or integers.

Source: tensorflow/core/example/{example,feature}.proto. The bytes equal those of Protocol Buffers' own
deterministic serialisation in C++ and Python: map entries in bytewise order of their names, numbers packed.
Decoding also takes unpacked numbers, unknown fields, repeated parts (merged, or the last wins) and entries
without a value, as the format allows.

    Example { Features features = 1 }      Features { map<string, Feature> feature = 1 }
    Feature { oneof { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3 } }
    each list { repeated ... value = 1 }
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import InvalidArgument
from bms.core.formats.varints import pack_int64, read_varint, truncated, unpack_int64, varint

Numbers = NDArray[Any]  # float32 or int64, one dimension
Value = list[bytes] | Numbers | None
"""None: a feature present without any list."""

_NUMBER, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3


def encode_example(features: Mapping[str, Value]) -> bytes:
    """Encodes an Example. Raises InvalidArgument for values of other types or outside int64."""
    return join_entries([encode_entry(name.encode(), encode_value(features[name])) for name in sorted(features)])


def join_entries(entries: list[bytes]) -> bytes:
    """Joins encoded entries, which the caller has put in the order of their names, into an Example."""
    content = b"".join(entries)
    return b"\x0a" + varint(len(content)) + content


def encode_entry(name: bytes, value: bytes) -> bytes:
    entry = b"\x0a%b%b\x12%b%b" % (varint(len(name)), name, varint(len(value)), value)
    return b"\x0a" + varint(len(entry)) + entry


def encode_value(value: Value) -> bytes:
    """Encodes a Feature."""
    if value is None:
        return b""
    if isinstance(value, list):
        content = b"".join([b"\x0a" + varint(len(item)) + item for item in value])
        return b"\x0a" + varint(len(content)) + content
    if value.ndim != 1:
        raise InvalidArgument(f"an Example holds flat lists; got an array of shape {list(value.shape)}")
    kind = value.dtype.kind
    if kind == "f" and value.dtype.itemsize <= 4:  # wider ones would lose digits: their bytes are stored instead
        tag, packed = b"\x12", value.astype("<f4", copy=False).tobytes()
    elif kind in "iub" and not (value.dtype == np.uint64 and value.size and int(value.max()) >> 63):
        tag, packed = b"\x1a", pack_int64(value.astype(np.int64, copy=False))
    else:
        raise InvalidArgument(f"an Example holds bytes, float32 and int64; got {value.dtype}")
    content = b"\x0a" + varint(len(packed)) + packed if packed else b""
    return tag + varint(len(content)) + content


def decode_example(data: bytes) -> dict[str, Value]:
    """Decodes an Example. Raises InvalidArgument, naming the byte, when `data` is not one."""
    features: dict[str, Value] = {}
    position, end = 0, len(data)
    while position < end:
        tag, start, position = _field(data, position, end)
        if tag == 1 << 3 | _BYTES:
            inner = start
            while inner < position:
                tag, start, stop = _field(data, inner, position)
                if tag == 1 << 3 | _BYTES:
                    name, value = _decode_entry(data, start, stop)
                    features[name] = value
                inner = stop
    return features


def feature_lists(data: bytes) -> tuple[str, ...] | None:
    """Returns the names of its lists where `data` is a SequenceExample, whose context reads like an Example; None
    without any. Raises InvalidArgument when it is neither.

        SequenceExample { Features context = 1; FeatureLists feature_lists = 2 }
        FeatureLists { map<string, FeatureList> feature_list = 1 }
    """
    found: dict[str, None] = {}
    position, end = 0, len(data)
    while position < end:
        tag, start, position = _field(data, position, end)
        if tag == 2 << 3 | _BYTES:
            inner = start
            while inner < position:
                tag, start, stop = _field(data, inner, position)
                if tag == 1 << 3 | _BYTES:
                    found[_key(data, start, stop)] = None
                inner = stop
    return tuple(found) or None


def _key(data: bytes, position: int, end: int) -> str:
    """Returns the key of a map's entry."""
    name = b""
    while position < end:
        tag, start, position = _field(data, position, end)
        if tag == 1 << 3 | _BYTES:
            name = data[start:position]
    return name.decode(errors="replace")


def _decode_entry(data: bytes, position: int, end: int) -> tuple[str, Value]:
    name = ""
    value: Value = None
    while position < end:
        tag, start, position = _field(data, position, end)
        if tag == 1 << 3 | _BYTES:
            try:
                name = data[start:position].decode()
            except UnicodeDecodeError as error:
                raise InvalidArgument(f"malformed at byte {start}: a feature's name is not UTF-8") from error
        elif tag == 2 << 3 | _BYTES:
            value = _decode_value(data, start, position, value)
    return name, value


def _decode_value(data: bytes, position: int, end: int, merged: Value) -> Value:
    """Decodes a Feature, merged into what an earlier part of it said: lists of one kind are joined, else the last
    wins."""
    while position < end:
        tag, start, position = _field(data, position, end)
        if tag == _BYTES_LIST << 3 | _BYTES:
            items = _decode_bytes(data, start, position)
            merged = merged + items if isinstance(merged, list) else items
        elif tag == _FLOAT_LIST << 3 | _BYTES:
            merged = _joined(merged, _decode_floats(data, start, position))
        elif tag == _INT64_LIST << 3 | _BYTES:
            merged = _joined(merged, _decode_ints(data, start, position))
    return merged


def _joined(merged: Value, numbers: Numbers) -> Numbers:
    if isinstance(merged, np.ndarray) and merged.dtype == numbers.dtype:
        return np.concatenate((merged, numbers))
    return numbers


def _decode_bytes(data: bytes, position: int, end: int) -> list[bytes]:
    items = []
    while position < end:
        tag, start, position = _field(data, position, end)
        if tag == 1 << 3 | _BYTES:
            items.append(data[start:position])
    return items


def _decode_floats(data: bytes, position: int, end: int) -> NDArray[np.float32]:
    pieces = []
    while position < end:
        tag, start, position = _field(data, position, end)
        if tag == 1 << 3 | _BYTES:
            if (position - start) % 4:
                raise InvalidArgument(f"malformed at byte {start}: {position - start} bytes are no whole float32s")
            pieces.append(data[start:position])
        elif tag == 1 << 3 | _FIXED32:
            pieces.append(data[start:position])
    return np.frombuffer(b"".join(pieces), "<f4").astype(np.float32, copy=False)


def _decode_ints(data: bytes, position: int, end: int) -> NDArray[np.int64]:
    values: list[int] = []
    while position < end:
        tag, start, stop = _field(data, position, end)
        if tag == 1 << 3 | _BYTES:
            unpacked = unpack_int64(data, start, stop)
            if not values and stop == end:
                return np.asarray(unpacked, np.int64)
            values.extend(unpacked if isinstance(unpacked, list) else unpacked.tolist())
        elif tag == 1 << 3 | _NUMBER:
            values.extend(unpack_int64(data, start, stop))
        position = stop
    return np.array(values, np.int64)


def _field(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    """Returns the tag at `position`, and where its content starts and ends, which is within `end`."""
    tag = data[position]
    position += 1
    if tag > 0x7F:
        tag, position = read_varint(data, position - 1, end)
    kind = tag & 7
    if kind == _BYTES:
        if position >= end:
            raise truncated(position)
        size = data[position]
        position += 1
        if size > 0x7F:
            size, position = read_varint(data, position - 1, end)
    elif kind == _NUMBER:
        size = read_varint(data, position, end)[1] - position
    elif kind == _FIXED32:
        size = 4
    elif kind == _FIXED64:
        size = 8
    else:
        raise InvalidArgument(f"malformed at byte {position}: wire type {kind} is not used in an Example")
    if not 0 < tag >> 3 < 1 << 29:
        raise InvalidArgument(f"malformed at byte {position}: there is no field {tag >> 3}")
    if size > end - position:
        raise truncated(position)
    return tag, position, position + size
