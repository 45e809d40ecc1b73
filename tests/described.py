"""Whether an answer is what the API's description says: its status, its type, and its body by JSON Schema."""

import importlib
import re
from functools import cache
from inspect import signature
from typing import Any
from unittest.mock import MagicMock

import httpx

from bms.app.control import assembly as parts
from bms.web.api.endpoint import Endpoint
from bms.web.api.openapi.document import describe

Json = dict[str, Any]
VALIDATOR: Any = importlib.import_module("jsonschema").Draft202012Validator  # which has no types


@cache
def rows() -> list[Endpoint]:
    """All operations of control; no handler is to be called."""
    return parts._endpoints(*[MagicMock()] * len(signature(parts._endpoints).parameters))


@cache
def document() -> Json:
    """Of all that control and gateways serve."""
    return describe([row for row in rows() if not row.foreign], "0")


def check(answer: httpx.Response) -> None:
    """Fails where the answer is none that is described for its path and method."""
    request = answer.request
    operation = _operation(request.method.lower(), request.url.path.rstrip("/") or "/")
    status = str(answer.status_code)
    where = f"{request.method} {request.url.path}: {status}"
    responses = operation["responses"]
    if status.startswith("2") and status not in responses:  # 200 where a thing was there already, beside 201
        status = next(each for each in responses if each.startswith("2"))
    assert status in responses, where
    response = responses[status]
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    media = answer.headers.get("content-type", "").partition(";")[0]
    content = response.get("content")
    if content is None or request.method == "HEAD" or not answer.content:
        return
    if "application/octet-stream" not in content:
        assert media in content, (where, media, list(content))
    if media.endswith("json") and media in content:
        schema = {**content[media]["schema"], "components": document()["components"]}
        errors = VALIDATOR(schema).iter_errors(answer.json())
        found = [f"{each.json_path}: {each.message[:300]}" for each in errors]
        assert not found, (where, found)


def _operation(method: str, path: str) -> Json:
    found = [
        (len(re.sub(r"\{\w+\}", "", template)), operations[method])
        for template, operations in document()["paths"].items()
        if method in operations and _pattern(template).fullmatch(path)
    ]
    assert found, f"{method} {path} is not described"
    return max(found, key=lambda each: each[0])[1]  # the one that says most of the path


@cache
def _pattern(template: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{\w+\})", template)
    places = {"{path}": ".+"}
    text = "".join(places.get(part, "[^/]+") if part.startswith("{") else re.escape(part) for part in pieces)
    return re.compile(text, re.IGNORECASE)
