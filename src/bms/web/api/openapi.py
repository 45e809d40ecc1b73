"""The API's own description, OpenAPI 3.1, made from the list of endpoints."""

import re
from collections.abc import Sequence
from typing import Any, get_type_hints

import msgspec

from bms.web.api.endpoint import PUBLIC, Endpoint

_PLACE = re.compile(r"\{(\w+)(?::\w+)?\}")
PREFIX = "/api/v1"


class Problem(msgspec.Struct, kw_only=True):
    """An error (RFC 9457). `code` is a canonical gRPC code's name."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str


def describe(endpoints: Sequence[Endpoint], version: str) -> dict[str, Any]:
    """The OpenAPI document of `endpoints`, as plain builtins."""
    kinds = [Problem]
    for endpoint in endpoints:
        kinds += [kind for kind in (endpoint.body, endpoint.answer) if kind not in (None, bytes)]
    schemas, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}", schema_hook=_anything
    )
    schema_of = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        plain = _PLACE.sub(r"{\1}", PREFIX + endpoint.path)
        paths.setdefault(plain, {})[endpoint.method.lower()] = _operation(endpoint, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "BMS", "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "a key, `id.secret`"}},
        },
        "security": [{"key": []}],
    }


def _anything(kind: type) -> dict[str, Any]:
    """The schema of `object`, which stands where any JSON value may."""
    if kind is object:
        return {"description": "any JSON value"}
    raise NotImplementedError


def _operation(endpoint: Endpoint, schema_of: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PLACE.findall(endpoint.path)
    ]
    hints = get_type_hints(endpoint.query)
    for field in msgspec.structs.fields(endpoint.query):
        schema = msgspec.json.schema(hints[field.name])
        parameters.append({"name": field.encode_name, "in": "query", "required": field.required, "schema": schema})
    problem = {"application/problem+json": {"schema": schema_of[repr(Problem)]}}
    answer: dict[str, Any] = {"description": "done"}
    if endpoint.answer is bytes:
        answer["content"] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    elif endpoint.answer is not None:
        answer["content"] = {"application/json": {"schema": schema_of[repr(endpoint.answer)]}}
    operation: dict[str, Any] = {
        "operationId": endpoint.operation,
        "summary": endpoint.summary,
        "tags": [endpoint.path.strip("/").split("/")[0]],
        "parameters": parameters,
        "responses": {str(endpoint.status): answer, "default": {"description": "an error", "content": problem}},
        "x-permission": endpoint.permission or None,
    }
    if endpoint.permission == PUBLIC:
        operation["security"] = []
    if endpoint.body is bytes:
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": binary}}
    elif endpoint.body is not None:
        content = {"application/json": {"schema": schema_of[repr(endpoint.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation
