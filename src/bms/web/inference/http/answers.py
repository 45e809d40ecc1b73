"""Encodes the head of an HTTP answer, and the bodies of errors."""

from http import HTTPStatus
from math import ceil

import orjson

from bms.core.errors import (
    BmsError,
    LostInHand,
    MethodNotAllowed,
    NotFound,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)

JSON = b"application/json"
PROBLEM = b"application/problem+json"
_MOST_WARNINGS, _LONGEST_WARNING = 8, 300
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_OPENAI_CODES = {
    401: "invalid_api_key",
    404: "model_not_found",
    405: "method_not_allowed",
    429: "rate_limit_exceeded",
}
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class UnknownPath(NotFound):
    """Raised where nothing is at a path, whatever the model."""


def status_line(status: int) -> bytes:
    line = _LINES.get(status)
    return line if line is not None else _line(status)


def _line(status: int) -> bytes:
    return b"HTTP/1.1 %d %b\r\n" % (status, _REASONS.get(status, b"Unknown"))


_LINES = {status: _line(status) for status in _REASONS}


def error_headers(error: BmsError) -> bytes:
    """Returns the header lines of an error: Retry-After in whole seconds, never too early; how to authenticate; which
    methods there are; that clients of OpenAI's, which repeat every 500, must not."""
    if isinstance(error, LostInHand):
        return b"x-should-retry: false\r\n"
    if isinstance(error, Unauthenticated):
        return b'www-authenticate: Bearer realm="bms"\r\n'
    if isinstance(error, MethodNotAllowed):
        return b"allow: %b\r\n" % error.allowed.encode()
    wait = error.retry_after_s
    if wait is None and isinstance(error, Unavailable | ResourceExhausted):
        wait = 1.0
    return b"" if wait is None else b"retry-after: %d\r\n" % max(1, ceil(wait))


def warnings_of(notes: tuple[str, ...]) -> bytes:
    """Encodes warnings for the caller as header lines."""
    return b"".join([b"warning: %b\r\n" % value for value in warning_values(notes)])


def warning_values(notes: tuple[str, ...]) -> list[bytes]:
    """Encodes warnings as values of a field `warning` (RFC 7234, 5.5: 299 is any lasting warning)."""
    values = []
    for note in notes[:_MOST_WARNINGS]:
        plain = note[:_LONGEST_WARNING].encode("ascii", "backslashreplace").decode()
        quoted = "".join("\\" + letter if letter in '\\"' else letter for letter in plain if letter.isprintable())
        values.append(f'299 bms "{quoted}"'.encode())
    return values


def plain_error(error: BmsError) -> bytes:
    """Encodes an error as TF Serving, KServe and Triton write it."""
    return orjson.dumps({"error": error.message})


def openai_error(error: BmsError) -> bytes:
    """Encodes an error as OpenAI writes it: its clients tell errors apart by status, people by the message."""
    kind = "server_error" if error.http_status >= 500 else _OPENAI_TYPES.get(error.http_status, "invalid_request_error")
    code = _OPENAI_CODES.get(error.http_status, error.code.lower())
    if isinstance(error, UnknownPath):
        code = "unknown_url"
    return orjson.dumps({"error": {"message": error.message, "type": kind, "param": None, "code": code}})


def problem(error: BmsError, request_id: str) -> bytes:
    """Encodes an error as RFC 9457, as control's API writes it."""
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": error.code.replace("_", " ").capitalize(),
            "status": error.http_status,
            "code": error.code,
            "detail": error.message,
            "request_id": request_id,
        }
    )
