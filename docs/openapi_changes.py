"""What changed between two descriptions of the API, and which of it breaks clients of the former one.

A client breaks where it is refused what was taken (an operation, a member, a value, a larger range), where something
left out means something else, and where it is not given what it was: a member, a status, a type that it knows. It does
not where there is more: operations, members, statuses of errors, and values of an answer's enumeration, since clients
take texts that they don't know.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from openapi_schemas import Change, Schemas

__all__ = ["Change", "changes", "says_breaking"]

Json = dict[str, Any]


class _Operation(NamedTuple):
    where: str
    before: Json
    after: Json


def changes(before: Json, after: Json) -> list[Change]:
    """In order of the operations. Names of schemas mean nothing: what they are is compared where they stand."""
    found: list[Change] = []
    compared = Schemas(before, after)
    old, new = _operations(before), _operations(after)
    for where in sorted(old.keys() | new.keys()):
        if where not in new:
            found.append(Change(where, "is gone", True))
        elif where not in old:
            found.append(Change(where, "is new", False))
        else:
            found += _of_operation(_Operation(where, old[where], new[where]), compared)
    return found


def says_breaking(changelog: str) -> bool:
    """Whether the changelog's part `Unreleased` has a line that begins with `**Breaking**`."""
    unreleased = re.search(r"^## Unreleased$(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return unreleased is not None and re.search(r"^- \*\*Breaking\*\*", unreleased[1], re.MULTILINE) is not None


def _operations(document: Json) -> dict[str, Json]:
    """By method and path. The names of a path's places mean nothing: they are numbered."""
    found = {}
    for path, methods in document["paths"].items():
        places = {name: f"{{{number}}}" for number, name in enumerate(re.findall(r"\{(\w+)\}", path), 1)}
        plain = re.sub(r"\{(\w+)\}", lambda place, places=places: places[place[1]], path)
        for method, operation in methods.items():
            given = [_numbered(each, places) for each in operation.get("parameters", ())]
            found[f"{method.upper()} {plain}"] = {**operation, "parameters": given}
    return found


def _numbered(parameter: Json, places: dict[str, str]) -> Json:
    return {**parameter, "name": places.get(parameter["name"], "")} if parameter["in"] == "path" else parameter


def _of_operation(one: _Operation, compared: Schemas) -> Iterator[Change]:
    if one.before.get("x-permission") != one.after.get("x-permission"):
        yield Change(one.where, f"asks for {one.after.get('x-permission')}", True)
    yield from _parameters(one, compared)
    yield from _bodies(one, compared)
    yield from _answers(one, compared)


def _parameters(one: _Operation, compared: Schemas) -> Iterator[Change]:
    old, new = (
        {(each["in"], each["name"]): each for each in side.get("parameters", ())} for side in (one.before, one.after)
    )
    for key in sorted(old.keys() | new.keys()):
        where = f"{one.where} {key[0]} {key[1]}"
        if key not in new:
            yield Change(where, "is gone", True)
        elif key not in old:
            yield Change(where, "is new", bool(new[key].get("required")))
        else:
            if new[key].get("required") and not old[key].get("required"):
                yield Change(where, "is required now", True)
            yield from compared.asked(where, old[key]["schema"], new[key]["schema"])


def _bodies(one: _Operation, compared: Schemas) -> Iterator[Change]:
    old, new = one.before.get("requestBody"), one.after.get("requestBody")
    where = f"{one.where} body"
    if old is None or new is None:
        if old is not None:
            yield Change(where, "is gone", True)
        elif new is not None:
            yield Change(where, "is new", bool(new.get("required")))
        return
    if new.get("required") and not old.get("required"):
        yield Change(where, "is required now", True)
    for media, content in old["content"].items():
        if media not in new["content"]:
            yield Change(where, f"of {media} is gone", True)
        else:
            yield from compared.asked(where, content["schema"], new["content"][media]["schema"])


def _answers(one: _Operation, compared: Schemas) -> Iterator[Change]:
    old, new = one.before["responses"], one.after["responses"]
    for status in sorted(old.keys() | new.keys()):
        where = f"{one.where} {status}"
        if status not in new:
            yield Change(where, "is gone", True)
        elif status not in old:
            yield Change(where, "is new", status.startswith("2"))
        else:
            yield from _answer(where, compared.before.of(old[status]), compared.after.of(new[status]), compared)


def _answer(where: str, old: Json, new: Json, compared: Schemas) -> Iterator[Change]:
    for header in sorted(old.get("headers", {}).keys() - new.get("headers", {}).keys()):
        yield Change(where, f"header {header} is gone", True)
    for media, content in old.get("content", {}).items():
        if media not in new.get("content", {}):
            yield Change(where, f"of {media} is gone", True)
        else:
            yield from compared.given(where, content["schema"], new["content"][media]["schema"])
