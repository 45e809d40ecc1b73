"""The layout of HTTP/2 frames: nine octets of head, then the payload (RFC 9113, sections 4 and 6)."""

from struct import Struct

from bms.web.inference.http2.faults import FRAME_SIZE_ERROR, PROTOCOL_ERROR, ConnectionFault

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

HEAD_SIZE = 9
HEAD = Struct(">IBI")  # length (24 bits) and type (8), flags, stream
MAX_STREAM_ID = MAX_WINDOW = (1 << 31) - 1
LEAST_FRAME_SIZE = 1 << 14
MOST_FRAME_SIZE = (1 << 24) - 1
FIRST_WINDOW = 65_535  # octets, of the connection and of each stream, before anybody says otherwise

_U32 = Struct(">I")
_SETTING = Struct(">HI")


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return HEAD.pack(len(payload) << 8 | kind, flags, stream_id) + payload


def settings(values: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*item) for item in values.items()))


def window_update(stream_id: int, octets: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, _U32.pack(octets))


def reset(stream_id: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream_id, _U32.pack(code))


def goaway(last_stream_id: int, code: int, reason: bytes = b"") -> bytes:
    return frame(GOAWAY, 0, 0, _U32.pack(last_stream_id) + _U32.pack(code) + reason)


def u31(payload: bytes, what: str) -> int:
    """Parses a payload that is one number of 31 bits. Raises ConnectionFault for another size."""
    if len(payload) != 4:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"{what} must have 4 octets")
    number: int = _U32.unpack(payload)[0]
    return number & 0x7FFFFFFF


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Parses identifiers and values in the order sent. Raises ConnectionFault for a payload of broken pairs."""
    if len(payload) % 6:
        raise ConnectionFault(FRAME_SIZE_ERROR, "SETTINGS must have a multiple of 6 octets")
    return [_SETTING.unpack_from(payload, at) for at in range(0, len(payload), 6)]


def unpadded(payload: bytes) -> bytes:
    """Returns the content of a padded payload. Raises ConnectionFault for padding longer than the payload."""
    if not payload:
        raise ConnectionFault(FRAME_SIZE_ERROR, "a padded frame must say its padding")
    padding = payload[0]
    if padding >= len(payload):
        raise ConnectionFault(PROTOCOL_ERROR, "padding is longer than the frame")
    return payload[1 : len(payload) - padding]
