"""Splits bytes into gRPC messages: each has a flag (compressed or not) and its length, four octets, big-endian."""

from struct import Struct

from bms.core.errors import Internal, PayloadTooLarge
from bms.web.inference.http.compression import inflate

PREFIX = Struct(">BI")
PREFIX_SIZE = PREFIX.size
_SMALL = 1024  # bytes
_LARGE = 1 << 16
_FIRST = (1 << 14) - PREFIX_SIZE  # what fits the least frame size


class MessageReader:
    """Reads the messages of one call. `encoding` is what grpc-encoding says, None for identity; `most` bounds each."""

    def __init__(self, encoding: bytes | None, most: int) -> None:
        self._encoding = encoding
        self._most = most
        self._data = b""
        self._at = 0  # what is before it was given
        self._new: list[bytes] = []
        self._small = bytearray()  # pieces that would cost more as objects than as bytes
        self._need = PREFIX_SIZE
        self.size = 0  # bytes that are kept

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if len(data) < _SMALL:
            self._small += data
        else:
            if self._small:
                self._gather()
            self._new.append(data)

    def check(self) -> None:
        """Raises as `next` does, as soon as the length of the next message is known."""
        self._whole()

    def next(self) -> bytes | memoryview | None:
        """Returns the next message, or None while it is not whole. A large one is not copied.

        Raises PayloadTooLarge for one that is over the limit, as it says or when it is inflated; Internal and
        InvalidArgument for one that cannot be read.
        """
        flag_and_end = self._whole()
        if flag_and_end is None:
            return None
        flag, end = flag_and_end
        data = self._data if end - self._at < _LARGE else memoryview(self._data)
        message = data[self._at + PREFIX_SIZE : end]
        self.size -= end - self._at
        self._at = end
        self._need = PREFIX_SIZE
        if not self.size:
            self._data, self._at = b"", 0
        return inflate(message, self._encoding or b"", self._most) if flag else message

    def _gather(self) -> None:
        self._new.append(bytes(self._small))
        self._small.clear()

    def _whole(self) -> tuple[int, int] | None:
        """Returns the flag of the next message and where it ends in `_data`, None while it is not whole."""
        if self.size < self._need:
            return None
        if self._small:
            self._gather()
        if self._new:
            self._data = b"".join((self._data[self._at :], *self._new))
            self._new, self._at = [], 0
        flag, length = PREFIX.unpack_from(self._data, self._at)
        if flag > 1 or (flag and self._encoding is None):
            raise Internal("a message says it is compressed, the call's grpc-encoding does not say how")
        if length > self._most:
            raise PayloadTooLarge(f"a message of {length} bytes is too large: {self._most} are taken")
        whole = PREFIX_SIZE + length
        if self.size < whole:
            self._need = whole
            return None
        return flag, self._at + whole


def whole_message(data: bytes) -> bytes | None:
    """Returns the message, where `data` is exactly one that is not compressed: the usual, and the fastest way."""
    if len(data) < PREFIX_SIZE:
        return None
    flag, length = PREFIX.unpack_from(data)
    if flag or length != len(data) - PREFIX_SIZE:
        return None
    return data[PREFIX_SIZE:]


def framed(message: bytes | memoryview) -> bytes:
    return PREFIX.pack(0, len(message)) + message


def pieces(message: bytes) -> tuple[bytes, memoryview]:
    """Frames a large message without copying it: the first frame's worth, and the rest."""
    view = memoryview(message)
    return PREFIX.pack(0, len(message)) + view[:_FIRST], view[_FIRST:]
