"""Encodes an answer's head as a header block of HTTP/2."""

from bms.web.inference.http.answers import JSON
from bms.web.inference.http2.fields import Field
from bms.web.inference.http2.hpack import encode, encode_field

CONTINUE = encode([(b":status", b"100")])
TOO_LARGE = encode([(b":status", b"431")])
_OK_JSON = encode([(b":status", b"200"), (b"content-type", JSON)])
_OF_CONNECTIONS = (b"connection", b"keep-alive", b"transfer-encoding", b"upgrade")


def whole(status: int, content_type: bytes, size: int, lines: bytes) -> bytes:
    """Encodes the head of an answer whose body has `size` bytes; `lines` are whole header lines."""
    if status == 200 and content_type is JSON:
        start = _OK_JSON
    else:
        start = encode([(b":status", b"%d" % status), (b"content-type", content_type)])
    return start + encode_field(b"content-length", b"%d" % size) + encoded(lines)


def opening(status: int, length: int | None, lines: bytes) -> bytes:
    """Encodes the head of an answer that comes in pieces: `length` bytes in all, None where nobody knows yet."""
    start: list[Field] = [(b":status", b"%d" % status)]
    if length is not None:
        start.append((b"content-length", b"%d" % length))
    return encode(start) + encoded(lines)


def encoded(lines: bytes) -> bytes:
    """Encodes header lines of HTTP/1.1, without those that are about its connections (RFC 9113, section 8.2.2)."""
    fields = []
    for line in lines.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        name = name.lower()
        if colon and name not in _OF_CONNECTIONS:
            fields.append(encode_field(name, value.strip()))
    return b"".join(fields)
