"""Length-prefixed messages in a byte stream: each is a u32 little-endian length, then so many bytes."""

import struct
from collections.abc import Iterator

from bms.core.errors import InvalidArgument

LENGTH = struct.Struct("<I")


def framed(body: bytes, limit: int) -> bytes:
    """Prefixes a body with its length. Raises InvalidArgument for more than `limit` bytes."""
    if len(body) > limit:
        raise InvalidArgument(f"a message of {len(body)} bytes is over the limit of {limit}: send less at once")
    return LENGTH.pack(len(body)) + body


def cut(buffer: bytes | bytearray, limit: int, at: int = 0) -> tuple[int, int] | None:
    """Returns where the body of the message that begins at `at` begins and ends; None where it is not all there.

    Raises InvalidArgument for one of more than `limit` bytes.
    """
    if len(buffer) - at < LENGTH.size:
        return None
    (length,) = LENGTH.unpack_from(buffer, at)
    if length > limit:
        raise InvalidArgument(f"a message declares {length} bytes; the limit is {limit}")
    start = at + LENGTH.size
    return (start, start + length) if len(buffer) - start >= length else None


class LengthReader:
    """Cuts a byte stream into bodies of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Returns the bodies that are whole now. Raises InvalidArgument for a message over the limit."""
        self._buffer += data
        at, bodies = 0, []
        while (found := cut(self._buffer, self._limit, at)) is not None:
            start, at = found
            bodies.append(bytes(self._buffer[start:at]))
        del self._buffer[:at]
        return iter(bodies)
