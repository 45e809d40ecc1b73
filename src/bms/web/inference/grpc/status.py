"""Header blocks that end a gRPC call with a status, after an answer or instead of one."""

from math import ceil

from bms.core.errors import BmsError
from bms.web.inference.http.answers import warning_values
from bms.web.inference.http2.fields import Field
from bms.web.inference.http2.hpack import encode, encode_field

_LONGEST = 2048  # bytes of a message, which may take three times as many as they are encoded; clients take 8 KiB
_PLAIN = frozenset(range(0x20, 0x7F)) - {ord("%")}
_REQUEST_ID = b"\x00\x0cx-request-id"  # a literal that is not indexed, with a new name
ENCODINGS = b"identity,deflate,gzip"  # of messages that are read
_GRPC = encode([(b":status", b"200"), (b"content-type", b"application/grpc"), (b"grpc-accept-encoding", ENCODINGS)])

TOO_LARGE = encode(
    [(b":status", b"431"), (b"grpc-status", b"8"), (b"grpc-message", b"the call's metadata are too large: send less")]
)
OK_TAIL = encode([(b"grpc-status", b"0")])


def answer_head(request_id: bytes) -> bytes:
    """Encodes the header block before a message."""
    size = len(request_id)
    if size >= 0x7F:
        return _GRPC + encode_field(b"x-request-id", request_id)
    return b"%b%b%c%b" % (_GRPC, _REQUEST_ID, size, request_id)


def error_tail(error: BmsError) -> bytes:
    """Encodes the trailers after messages. A client may wait by grpc-retry-pushback-ms (gRFC A6)."""
    fields: list[Field] = [
        (b"grpc-status", b"%d" % error.grpc_status),
        (b"grpc-message", percent_encoded(_cut(error.message))),
    ]
    if error.retry_after_s is not None:
        fields.append((b"grpc-retry-pushback-ms", b"%d" % max(1, ceil(error.retry_after_s * 1000))))
    return encode(fields)


def error_only(request_id: bytes, error: BmsError) -> bytes:
    """Encodes the one header block of an answer without messages."""
    return answer_head(request_id) + error_tail(error)


def warnings_of(notes: tuple[str, ...]) -> bytes:
    """Encodes warnings for the caller, for the answer's head."""
    return b"".join([encode_field(b"warning", value) for value in warning_values(notes)])


def no_grpc(status: int) -> bytes:
    """Encodes the answer to a request that is no gRPC call: an HTTP status alone."""
    more = [(b"allow", b"POST")] if status == 405 else []
    return encode([(b":status", b"%d" % status), *more])


def _cut(message: str) -> bytes:
    """Shortens a text to whole characters."""
    return message.encode(errors="replace")[:_LONGEST].decode(errors="ignore").encode()


def percent_encoded(message: bytes) -> bytes:
    """Encodes a text as grpc-message wants it: all but printable ASCII, and '%' itself, as %XX."""
    if all(octet in _PLAIN for octet in message):
        return message
    return b"".join(b"%c" % octet if octet in _PLAIN else b"%%%02X" % octet for octet in message)
