"""Dispatches HTTP requests to endpoints: authenticates, authorises, decodes, runs once, encodes."""

import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, get_args

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from bms.core.access.principal import Principal
from bms.core.cancellation import to_the_end
from bms.core.digest import of_parts
from bms.core.errors import (
    AlreadyExists,
    BmsError,
    Cancelled,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    PayloadTooLarge,
    Unauthenticated,
    UnsupportedMedia,
)
from bms.core.ids import new_id
from bms.web.api.credentials import RequestCredentials
from bms.web.api.endpoint import PUBLIC, ApiCall, Endpoint
from bms.web.api.problems import plain_error, problem
from bms.web.api.unknown_members import check_members
from bms.web.api.whole_numbers import check_body, check_numbers

log = logging.getLogger("bms.api")
MAX_BODY = 8 << 20  # of JSON bodies; uploads stream and have limits of their own
_READ_AS_JSON = ("", "application/json", "text/json", "application/x-www-form-urlencoded")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")
_ETAG = re.compile(r'(?:W/)?"[!#-~]*"|[0-9]{1,100}')
NOBODY = Principal(tenant="", user="", key="", role="viewer", scopes=frozenset())


Observe = Callable[[str, int, float], None]
"""(operation, HTTP status, seconds) of every answered request."""


class Replies(Protocol):
    """The port to stored answers, by idempotency key, so that a repeated request has one effect."""

    async def begin(self, tenant: str, key: str, fingerprint: str) -> tuple[int, bytes] | None:
        """Returns the stored answer of an equal request; None: the caller is to run it now.

        Raises Aborted while the first is still running, InvalidArgument when the key was used for another.
        """
        ...

    async def finish(self, tenant: str, key: str, status: int, answer: bytes) -> None: ...

    async def abandon(self, tenant: str, key: str) -> None:
        """Frees the key again, since the request had no effect."""
        ...


def _unobserved(_operation: str, _status: int, _seconds: float) -> None:
    """Measures nothing."""


class EndpointDispatcher:
    """Runs the endpoints of the whole API. `authenticators` authenticate a request, in their order."""

    def __init__(
        self, authenticators: Sequence[RequestCredentials], replies: Replies, observe: Observe = _unobserved
    ) -> None:
        self._authenticators = authenticators
        self._replies = replies
        self._observe = observe

    async def __call__(self, endpoint: Endpoint, request: Request) -> Response:
        began = time.perf_counter()
        response = await self._respond(endpoint, request)
        self._observe(endpoint.operation, response.status_code, time.perf_counter() - began)
        return response

    async def _respond(self, endpoint: Endpoint, request: Request) -> Response:
        request_id = request.headers.get("x-request-id") or new_id("req")
        request.state.request_id = request_id
        refusal = plain_error if endpoint.foreign else problem
        try:
            return await self._answer(endpoint, request, request_id)
        except BmsError as error:
            if isinstance(error, Internal):
                log.error("internal error: %s", error.message, extra={"request_id": request_id})
            return refusal(error, request_id)
        except ClientDisconnect:
            return refusal(Cancelled("the client went away before its request was read"), request_id)
        except Exception:
            log.exception("unexpected error", extra={"request_id": request_id, "operation": endpoint.operation})
            return refusal(Internal(f"something went wrong here; quote request id {request_id}"), request_id)

    async def _answer(self, endpoint: Endpoint, request: Request, request_id: str) -> Response:
        principal = NOBODY
        if endpoint.permission != PUBLIC:
            principal = await self._who(request)
            principal.require(endpoint.permission)
        query = _query(endpoint, request.query_params)
        if endpoint.body not in (None, bytes):
            _check_media(request.headers.get("content-type", ""))
        raw = b"" if endpoint.body is bytes else await _read(request)
        body = _body(endpoint, raw)
        call = ApiCall(principal, dict(request.path_params), query, body, _if_match(request), request)
        key = request.headers.get("idempotency-key")
        if key is None or endpoint.method != "POST" or endpoint.body is bytes:
            return self._encode(endpoint, await endpoint.handler(call), request_id)
        return await self._once(endpoint, call, key, raw, request_id)

    async def _who(self, request: Request) -> Principal:
        for authenticator in self._authenticators:
            if (principal := await authenticator.principal(request)) is not None:
                return principal
        raise Unauthenticated("this request carries no credentials")

    async def _once(self, endpoint: Endpoint, call: ApiCall[Any], key: str, raw: bytes, request_id: str) -> Response:
        if not 1 <= len(key) <= 200:
            raise InvalidArgument("Idempotency-Key must have 1 to 200 characters")
        tenant = call.principal.tenant
        fingerprint = of_parts([endpoint.method, call.request.url.path, call.principal.user, raw.decode("latin-1")])
        kept = await self._replies.begin(tenant, key, fingerprint)
        if kept is not None and endpoint.shown_once:
            raise AlreadyExists(
                "this request was carried out already, and the secret in its answer is shown only once: revoke the key "
                "that was made (list the keys), then make another with a fresh Idempotency-Key"
            )
        if kept is not None:
            status, answer = kept
            headers = {"x-request-id": request_id, "idempotent-replayed": "true"}
            return Response(answer, status, headers=headers, media_type="application/json")
        try:
            response = self._encode(endpoint, await endpoint.handler(call), request_id)
        except BaseException:
            await to_the_end(self._replies.abandon(tenant, key))
            raise
        kept_answer = b"" if endpoint.shown_once else bytes(response.body)
        await to_the_end(self._replies.finish(tenant, key, response.status_code, kept_answer))
        return response

    def _encode(self, endpoint: Endpoint, answer: Any, request_id: str) -> Response:
        if isinstance(answer, Response):
            answer.headers["x-request-id"] = request_id
            return answer
        headers = {"x-request-id": request_id, "cache-control": "no-store"}
        revision = getattr(answer, "revision", None)
        if isinstance(revision, int):
            headers["etag"] = f'"{revision}"'
        content = b"" if endpoint.status == 204 else msgspec.json.encode(answer)
        return Response(content, endpoint.status, headers=headers, media_type="application/json")


async def body_chunks(request: Request) -> AsyncIterator[bytes]:
    """Yields the body of a streaming endpoint, empty chunks left out."""
    async for chunk in request.stream():
        if chunk:
            yield chunk


async def _read(request: Request) -> bytes:
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise PayloadTooLarge(f"the body is over {MAX_BODY} bytes, the limit of this path")
        parts.append(chunk)
    return b"".join(parts)


def _check_media(content_type: str) -> None:
    """Raises UnsupportedMedia for a content type that is not JSON. A missing one is accepted, and so is what curl says
    of whatever it sends."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _READ_AS_JSON and not kind.endswith("+json"):
        raise UnsupportedMedia(f"a body of {kind[:80]!r} is not read here: send JSON, as application/json")


def _body(endpoint: Endpoint, raw: bytes) -> Any:
    if endpoint.body is bytes:
        return None
    if endpoint.body is None:
        if raw.strip() not in (b"", b"{}"):
            raise InvalidArgument("this path takes no body")
        return None
    try:
        body = msgspec.json.decode(raw or b"{}", type=endpoint.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"the body is not what this path takes: {error}") from None
    check_members(raw, endpoint.body)
    check_body(raw, body)
    return body


def _query(endpoint: Endpoint, params: QueryParams) -> msgspec.Struct:
    given = dict(params)
    if len(given) != len(params.multi_items()):
        raise InvalidArgument("a query parameter is given twice")
    _check_times(endpoint, given)
    try:
        query: msgspec.Struct = msgspec.convert(given, type=endpoint.query, strict=False)
    except msgspec.ValidationError as error:
        names = ", ".join(endpoint.query.__struct_fields__) or "none"
        raise InvalidArgument(f"query parameters are wrong: {error}; this path takes: {names}") from None
    check_numbers(query)
    return query


def _check_times(endpoint: Endpoint, given: dict[str, str]) -> None:
    """Raises InvalidArgument for a time that is not RFC 3339: lenient decoding, which takes numbers for numbers, would
    take them for times, too."""
    for field in msgspec.structs.fields(endpoint.query):
        text = given.get(field.encode_name)
        if text is not None and datetime in get_args(field.type) and not _TIME.match(text):
            raise InvalidArgument(
                f"query parameters are wrong: {field.encode_name} is {text[:40]!r}, expected a time like "
                "2026-01-31T12:00:00Z"
            )


def _if_match(request: Request) -> int | None:
    text = request.headers.get("if-match")
    if text is None or text == "*":
        return None
    bare = text.removeprefix("W/").strip('"')
    if not _ETAG.fullmatch(text):
        raise InvalidArgument(f"If-Match {text[:40]!r} is no ETag: send the one last read, in quotes")
    if not (bare.isascii() and bare.isdecimal() and len(bare) <= 100):
        raise FailedPrecondition(f"If-Match {text[:40]!r} is not an ETag of ours: send the one last read")
    return int(bare)
