"""Logs over HTTP: read from an offset, answered in pieces, each with the offset to go on from."""

from typing import Any

import msgspec
from starlette.responses import Response

from bms.core.errors import InvalidArgument
from bms.web.api.endpoint import ApiCall


class LogPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query parameters of a log. `offset` counts bytes from the log's beginning: the `x-next-offset` of the last
    answer."""

    offset: int = 0


def offset_of(call: ApiCall[Any]) -> int:
    """Returns the offset to read from. Raises InvalidArgument."""
    return not_negative("offset", call.query.offset)


def not_negative(name: str, value: int) -> int:
    if value < 0:
        raise InvalidArgument(f"{name} is {value}, expected 0 or more")
    return value


def log_piece(content: bytes, next: int, **said: str) -> Response:
    """Answers plain text that no browser takes for anything else; `said` are more headers, like `x-job-state`."""
    headers = {f"x-{name.replace('_', '-')}": value for name, value in said.items()}
    return plain_text(content, {"x-next-offset": str(next), **headers})


def plain_text(content: str | bytes, headers: dict[str, str] | None = None) -> Response:
    plain = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
    return Response(content, headers={**plain, **(headers or {})}, media_type="text/plain; charset=utf-8")
