"""Encodes the head of an HTTP/1.1 answer: of a whole one, or of one sent in pieces."""

from bms.web.inference.http.answers import JSON, status_line
from bms.web.inference.http.request import HttpRequest

_OK_JSON = status_line(200) + b"content-type: application/json\r\ncontent-length: "


def whole(
    request: HttpRequest, status: int, content_type: bytes, body: bytes, headers: bytes, date: bytes, connection: bytes
) -> bytes:
    """Encodes a whole answer. `headers`, `date` and `connection` are whole lines, or empty."""
    sent = body if request.head.method != b"HEAD" else b""
    if status == 200 and content_type is JSON:
        return b"%b%d\r\nx-request-id: %b\r\n%b%b%b\r\n%b" % (
            _OK_JSON, len(body), request.id, date, headers, connection, sent
        )  # fmt: skip
    return b"%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n%b%b%b\r\n%b" % (
        status_line(status), content_type, len(body), request.id, date, headers, connection, sent
    )  # fmt: skip


def framing(request: HttpRequest, status: int, length: int | None) -> bytes:
    """Returns the header line that says how an answer in pieces is delimited; `length` in bytes, None where nobody
    knows yet.

    Sets on `request` what follows: chunks, or that the end of the connection is the end of the answer.
    """
    if length is not None:
        return b"content-length: %d\r\n" % length
    if request.method == b"HEAD" or status in (204, 304):
        return b""
    if request.head.version == "1.1":
        request.chunked_answer = True
        return b"transfer-encoding: chunked\r\n"
    request.keep_alive = False
    return b""


def opening(
    request: HttpRequest, status: int, headers: bytes, date: bytes, framing_line: bytes, connection: bytes
) -> bytes:
    """Encodes the head of an answer that comes in pieces."""
    return b"%b%bx-request-id: %b\r\n%b%b%b\r\n" % (
        status_line(status), headers, request.id, date, framing_line, connection
    )  # fmt: skip
