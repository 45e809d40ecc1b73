"""Errors as problem details (RFC 9457): a message for people, and `code` for programs."""

import math

import msgspec
from starlette.responses import Response

from bms.core.errors import BmsError, MethodNotAllowed


def plain_error(error: BmsError, request_id: str) -> Response:
    """Answers `{"error": text}`, as the protocols of model servers write an error."""
    return Response(
        msgspec.json.encode({"error": error.message}),
        error.http_status,
        headers=_headers(error, request_id),
        media_type="application/json",
    )


def problem(error: BmsError, request_id: str) -> Response:
    """Answers `application/problem+json` for a BmsError."""
    body = {
        "type": "about:blank",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.http_status,
        "code": error.code,
        "detail": error.message,
        "request_id": request_id,
    }
    return Response(
        msgspec.json.encode(body),
        error.http_status,
        headers=_headers(error, request_id),
        media_type="application/problem+json",
    )


def _headers(error: BmsError, request_id: str) -> dict[str, str]:
    headers = {"x-request-id": request_id, "cache-control": "no-store"}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after_s))
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = error.allowed
    if error.http_status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers
