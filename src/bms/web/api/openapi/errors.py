"""The error answers of an operation, as shared components of the OpenAPI document."""

from typing import Any

from bms.core.errors import BY_CODE, BmsError, UnsupportedMedia
from bms.web.api.endpoint import PUBLIC, Endpoint

_WORDS = {
    400: "The request itself is wrong: what was wrong, what was expected. Repeating it unchanged never helps.",
    401: "No key, or one that is unknown, revoked or expired.",
    403: "The key is good, but its role or scopes do not allow this.",
    404: "There is no such thing in this tenant.",
    409: "The name is taken (`ALREADY_EXISTS`), or somebody else changed it first (`ABORTED`): read it again and "
    "repeat.",
    412: "The thing is not in a state that allows this, or something else needs it.",
    413: "Larger than is taken.",
    415: "A body of a type that is not read here.",
    429: "A rate, a quota or a queue is full: wait for `Retry-After` seconds.",
    500: "A defect of the platform: quote the request id.",
    501: "This is not offered here.",
    503: "It can't be answered now: wait for `Retry-After` seconds and repeat.",
    504: "The time allowed was used up.",
}
_KINDS: tuple[type[BmsError], ...] = (*BY_CODE.values(), UnsupportedMedia)
PROBLEM, PLAIN, OPENAI, MLFLOW = "Problem", "PlainError", "OpenAIError", "MlflowError"
_MEDIA = {PROBLEM: "application/problem+json", **dict.fromkeys((PLAIN, OPENAI, MLFLOW), "application/json")}


def responses() -> dict[str, Any]:
    """Returns all error answers, as components."""
    return {_name(status, style): _response(status, style) for style in _MEDIA for status in _WORDS}


def of(endpoint: Endpoint) -> dict[str, Any]:
    """Returns the errors of an operation by HTTP status. Those of any request are among them."""
    found = {500, 503, 504}
    if endpoint.permission != PUBLIC:
        found |= {401, 403}
    if "{" in endpoint.path:
        found |= {404, 412}
    if endpoint.body is not None or "{" in endpoint.path or endpoint.query.__struct_fields__:
        found.add(400)
    if endpoint.body is not None:
        found |= {404, 413, 415} if endpoint.body is not bytes else {413}  # which may name what there is not
    if "tenant" in endpoint.query.__struct_fields__ or "search" in endpoint.query.__struct_fields__:
        found.add(404)
    if endpoint.method not in ("GET", "HEAD"):
        found |= {400, 409, 412}
    return named(found, PROBLEM)


def named(statuses: set[int], style: str) -> dict[str, Any]:
    """Returns references to the components."""
    return {str(status): {"$ref": f"#/components/responses/{_name(status, style)}"} for status in sorted(statuses)}


def _name(status: int, style: str) -> str:
    return f"{style}{status}"


def _response(status: int, style: str) -> dict[str, Any]:
    codes = ", ".join(f"`{kind.code}`" for kind in _KINDS if kind.http_status == status)
    response: dict[str, Any] = {
        "description": f"{_WORDS[status]} Code: {codes}.",
        "content": {_MEDIA[style]: {"schema": {"$ref": f"#/components/schemas/{style}"}}},
    }
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "string"}}}
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}
    return response
