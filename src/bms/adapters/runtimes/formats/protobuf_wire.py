"""Parses protocol buffers field by field, without their schema and without the protobuf package.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator

Value = int | memoryview
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class NotProtobuf(Exception):
    """Raised for bytes that are not the expected message; the text says where they stop being one."""


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Parses the fields of one message: (field number, value); numbers of fixed size are given as 0. Raises
    NotProtobuf."""
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        value: Value = 0
        if kind == _VARINT:
            value, at = varint(data, at)
        elif kind == _BYTES:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise NotProtobuf(f"wire type {kind} at byte {at}")
        if at > end or number == 0:
            raise NotProtobuf(f"a field ends beyond its message at byte {at}")
        yield number, value


def message(value: Value) -> memoryview:
    """Checks that a field's value is a message. Raises NotProtobuf for a number."""
    if isinstance(value, int):
        raise NotProtobuf("a number where a message is expected")
    return value


def text(value: Value) -> str:
    return bytes(message(value)).decode(errors="replace")


def signed(value: Value) -> int:
    """Converts a varint to an int64. Raises NotProtobuf for a message."""
    if not isinstance(value, int):
        raise NotProtobuf("a message where a number is expected")
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def entry(data: memoryview) -> tuple[str, memoryview]:
    """Parses an entry of a map from texts to messages: key and value."""
    key, content = "", memoryview(b"")
    for number, value in fields(data):
        if number == 1:
            key = text(value)
        elif number == 2:
            content = message(value)
    return key, content


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """Parses the varint at byte `at`; returns it, and where the next thing begins. Raises NotProtobuf."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise NotProtobuf(f"a number breaks off at byte {at}")
