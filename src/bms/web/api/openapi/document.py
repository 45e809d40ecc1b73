"""Builds the OpenAPI document: every endpoint of control, and the gateway's inference paths."""

import re
from collections.abc import Sequence
from typing import Any, get_type_hints

import msgspec

from bms.web.api.endpoint import PUBLIC, Endpoint
from bms.web.api.openapi import bounds, errors, examples, inference, operations
from bms.web.api.openapi.fields import UNTITLED, described, words
from bms.web.api.openapi.sides import sided

_PLACE = re.compile(r"\{(\w+)(?::\w+)?\}")
PREFIX = "/api/v1"
_TEXT = {"schema": {"type": "string"}}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ABOUT = """\
Everything that the platform does over HTTP: the control API below `/api/v1`, and the paths that models are asked by.

Every request shows a key, `Authorization: Bearer KEY` (inference also takes `X-Api-Key: KEY`). What a key may do
follows from its user's role, narrowed by its scopes; each operation names the permission it needs. A key sees its own
tenant alone.

A method that a path doesn't have is 405, with those it has in `Allow`. Bodies are of the types named with each
operation, or of none, which is read as JSON; others are 415.

Errors of the control API are problem details (RFC 9457) with a `code`; those of inference are `{"error": "text"}`.
Listings have pages: send `next` of one as `cursor` for the next. Bodies of JSON may have 8 MiB."""


class Problem(msgspec.Struct, kw_only=True):
    """An error (RFC 9457). `code` is a canonical gRPC code's name."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str


def describe(endpoints: Sequence[Endpoint], version: str, prefix: str = "") -> dict[str, Any]:
    """Returns the OpenAPI document of `endpoints` and of the gateway, as plain builtins. `prefix` stands before every
    path."""
    bodies = [endpoint.body for endpoint in endpoints if endpoint.body not in (None, bytes)]
    answers = [Problem, *(endpoint.answer for endpoint in endpoints if endpoint.answer not in (None, bytes))]
    kinds = [*bodies, *answers]
    schemas, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}", schema_hook=_anything
    )
    schema_of = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        plain = _PLACE.sub(r"{\1}", PREFIX + endpoint.path)
        paths.setdefault(plain, {})[endpoint.method.lower()] = _operation(endpoint, schema_of)
    named = {
        name: _titled(name, described(schema, name)) for name, schema in sided(components, bodies, answers).items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "BMS",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix or "/", "description": "this platform"}],
        "tags": [{"name": name, "description": about} for name, about in operations.TAGS.items()],
        "paths": {**inference.paths(), **paths},
        "components": {
            "schemas": {**named, **inference.SCHEMAS},
            "responses": errors.responses(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "a key, `id.secret`"},
                "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "the same key"},
            },
        },
        "security": [{"key": []}],
    }


def _anything(kind: type) -> dict[str, Any]:
    """Returns the schema of `object`, which stands where any JSON value may."""
    if kind is object:
        return {"description": "any JSON value"}
    raise NotImplementedError


def _titled(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Sets the description of a schema, on one line for each paragraph."""
    about = UNTITLED.get(name) or schema.get("description", "")
    paragraphs = [" ".join(part.split()) for part in about.split("\n\n")]
    return {**schema, "description": "\n\n".join(paragraphs)}


def _operation(endpoint: Endpoint, schema_of: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.operation,
        "summary": endpoint.summary,
        "description": operations.OPERATIONS.get(endpoint.operation, ""),
        "tags": [endpoint.path.strip("/").split("/")[0]],
        "parameters": _parameters(endpoint),
        "responses": {str(endpoint.status): _answer(endpoint, schema_of), **errors.of(endpoint)},
        "x-permission": endpoint.permission or None,
    }
    if endpoint.permission == PUBLIC:
        operation["security"] = []
    if endpoint.body is not None:
        content: dict[str, Any] = {"application/octet-stream": _BINARY}
        required = True
        if endpoint.body is not bytes:
            example = examples.of_body(endpoint.operation)
            content = {"application/json": {"schema": schema_of[repr(endpoint.body)], **example}}
            required = any(field.required for field in msgspec.structs.fields(endpoint.body))  # else `{}` is meant
        operation["requestBody"] = {"required": required, "content": content}
    return operation


def _answer(endpoint: Endpoint, schema_of: dict[str, Any]) -> dict[str, Any]:
    headers = {"x-request-id": {"description": "the request's id", **_TEXT}}
    answer: dict[str, Any] = {"description": "done", "headers": headers}
    if endpoint.answer is bytes:
        answer["content"] = {endpoint.media: _TEXT if endpoint.media.startswith("text/") else _BINARY}
    elif endpoint.answer is not None:
        example = examples.of_answer(endpoint.operation)
        answer["content"] = {"application/json": {"schema": schema_of[repr(endpoint.answer)], **example}}
    return answer


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": operations.PARAMETERS.get(name, ""),
            "schema": {"type": "string", **bounds.PATH.get(name, {})},
        }
        for name in _PLACE.findall(endpoint.path)
    ]
    hints = get_type_hints(endpoint.query)
    for field in msgspec.structs.fields(endpoint.query):
        schema = bounds.of_query(field.name, msgspec.json.schema(hints[field.name]))
        if not field.required:
            schema["default"] = msgspec.to_builtins(field.default)
        about = words(endpoint.query.__name__, field.name)
        found.append(
            {
                "name": field.encode_name,
                "in": "query",
                "required": field.required,
                "description": about,
                "schema": schema,
            }
        )
    if _guarded(endpoint):
        found.append(_header("If-Match", operations.IF_MATCH))
    if endpoint.method == "POST" and endpoint.body is not bytes:
        found.append(_header("Idempotency-Key", operations.IDEMPOTENCY_KEY))
    return [*found, _header("X-Request-Id", operations.REQUEST_ID)]


def _guarded(endpoint: Endpoint) -> bool:
    """Whether the endpoint's handler checks If-Match, the revision that the caller saw."""
    return "if_match" in endpoint.handler.__code__.co_names


def _header(name: str, about: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": about,
        "schema": {"type": "string", **bounds.HEADER[name]},
    }
