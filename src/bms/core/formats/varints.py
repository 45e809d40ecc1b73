"""Varints as Protocol Buffers write them, one by one and many at once.

Encoding: https://protobuf.dev/programming-guides/encoding/. An int64 is written as its two's complement,
seven bits a byte, lowest first; negative numbers therefore take ten bytes.
"""

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import InvalidArgument

_LONGEST = 10  # bytes of a 64-bit varint
_FEW = 12  # values up to which a plain loop is faster than NumPy's set-up


def truncated(position: int) -> InvalidArgument:
    return InvalidArgument(f"malformed at byte {position}: it is cut short or a length is wrong")


def varint(value: int) -> bytes:
    """Encodes `value`, 0 to 2**64 - 1."""
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Returns the unsigned value that begins at `position`, and where it ends. Raises InvalidArgument."""
    value = shift = 0
    for place in range(position, min(end, position + _LONGEST)):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, place + 1
        shift += 7
    raise InvalidArgument(f"malformed at byte {position}: a number that does not end")


def pack_int64(values: NDArray[np.int64]) -> bytes:
    """Encodes `values` [n] as packed varints."""
    if len(values) <= _FEW:
        return b"".join([varint(value & 0xFFFFFFFFFFFFFFFF) for value in values.tolist()])
    unsigned = values.astype("<i8").view(np.uint64)
    if int(unsigned.max()) < 0x80:
        return unsigned.astype(np.uint8).tobytes()
    shifts = np.arange(0, 7 * _LONGEST, 7, dtype=np.uint64)
    groups = unsigned[:, None] >> shifts  # [n, 10]
    used = groups != 0
    used[:, 0] = True
    more = np.zeros_like(used)
    more[:, :-1] = used[:, 1:]
    encoded = (groups & np.uint64(0x7F)).astype(np.uint8) | (more.astype(np.uint8) << 7)
    return bytes(encoded[used].tobytes())


def unpack_int64(data: bytes, start: int, end: int) -> list[int] | NDArray[np.int64]:
    """Returns the values packed in data[start:end]. Raises InvalidArgument."""
    if end - start <= _FEW:
        values = []
        while start < end:
            value, start = read_varint(data, start, end)
            values.append(value - (1 << 64) if value >> 63 else value)
        return values
    raw = np.frombuffer(data, np.uint8, end - start, start)
    last = np.flatnonzero(raw < 0x80)
    if len(last) == len(raw):
        return raw.astype(np.int64)
    if not len(last) or last[-1] != len(raw) - 1:
        raise truncated(end)
    first = np.concatenate((np.zeros(1, np.int64), last[:-1] + 1))
    lengths = last - first + 1
    if int(lengths.max()) > _LONGEST:
        raise InvalidArgument(f"malformed after byte {start}: a number that does not end")
    places = np.arange(len(raw)) - np.repeat(first, lengths)
    parts = (raw & 0x7F).astype(np.uint64) << (places * 7).astype(np.uint64)
    return np.bitwise_or.reduceat(parts, first).view(np.int64)
