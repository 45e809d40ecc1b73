"""What of a change of the API breaks its clients, by tables; and that none is made without the changelog saying so."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[4] / "docs"))

from openapi_changes import changes, says_breaking
from openapi_document import GOLDEN, document, text

ROOT = GOLDEN.parents[1]
Json = dict[str, Any]
BREAKING = "## Unreleased\n\n- **Breaking**: jobs\n"
ASKED: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 63},
        "kind": {"enum": ["a", "b"]},
        "rows": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "more": {"anyOf": [{"$ref": "#/components/schemas/Part"}, {"type": "null"}]},
    },
}
THING: Json = {
    "type": "object",
    "required": ["id", "state"],
    "properties": {
        "id": {"type": "string"},
        "state": {"enum": ["up", "down"]},
        "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
    },
}
BEFORE: Json = {
    "paths": {
        "/things": {
            "post": {
                "x-permission": "things:write",
                "parameters": [{"in": "query", "name": "all", "schema": {"type": "boolean"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Asked"}}}},
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                    "404": {"$ref": "#/components/responses/None"},
                },
            },
            "get": {"responses": {"200": {"description": "a list"}}},
        }
    },
    "components": {
        "schemas": {"Asked": ASKED, "Thing": THING, "Part": {"type": "object"}},
        "responses": {"None": {"description": "no"}},
    },
}


def changed(by: Callable[[Json, Json, Json], object]) -> list[tuple[str, bool]]:
    """`by` changes the operation, what it is asked and what it gives."""
    after = copy.deepcopy(BEFORE)
    schemas = after["components"]["schemas"]
    by(after["paths"]["/things"]["post"], schemas["Asked"]["properties"], schemas["Thing"]["properties"])
    return [(f"{change.where} {change.what}", change.breaking) for change in changes(BEFORE, after)]


@pytest.mark.parametrize(
    ("by", "says", "breaking"),
    [
        (lambda post, asked, given: post.update({"x-permission": "all:write"}), "asks for all:write", True),
        (lambda post, asked, given: post["parameters"].pop(), "query all is gone", True),
        (lambda post, asked, given: post["parameters"][0].update(required=True), "all is required now", True),
        (
            lambda post, asked, given: post["parameters"].append({"in": "query", "name": "x", "schema": {}}),
            "query x is new",
            False,
        ),
        (lambda post, asked, given: post["requestBody"].update(required=True), "body is required now", True),
        (lambda post, asked, given: post.pop("requestBody"), "body is gone", True),
        (lambda post, asked, given: post["responses"].pop("201"), "201 is gone", True),
        (lambda post, asked, given: post["responses"].pop("404"), "404 is gone", True),
        (lambda post, asked, given: post["responses"].update({"409": {}}), "409 is new", False),
        (lambda post, asked, given: asked.pop("kind"), "body.kind is gone", True),
        (lambda post, asked, given: asked.update(new={"type": "string"}), "body.new is new", False),
        (lambda post, asked, given: asked["kind"].update(enum=["a"]), "body.kind can't be b", True),
        (lambda post, asked, given: asked["kind"].update(enum=["a", "b", "c"]), "body.kind may be c", False),
        (lambda post, asked, given: asked["name"].update(enum=["a"]), "can't be what is not named", True),
        (lambda post, asked, given: asked["name"].update(maxLength=9), "maxLength is 9, was 63", True),
        (lambda post, asked, given: asked["name"].update(pattern="^a$"), "pattern is ^a$, was none", True),
        (lambda post, asked, given: asked["rows"].update(minimum=2), "minimum is 2, was 1", True),
        (lambda post, asked, given: asked["rows"].update(type="string"), "is string, was integer", True),
        (lambda post, asked, given: asked["rows"].update(default=4), "left out is 4, was 3", True),
        (lambda post, asked, given: asked["more"]["anyOf"].pop(), "body.more is never null", True),
        (lambda post, asked, given: given.pop("state"), "201.state is gone", True),
        (lambda post, asked, given: given.update(new={"type": "string"}), "201.new is new", False),
        (lambda post, asked, given: given["state"].update(enum=["up", "down", "off"]), "201.state may be off", False),
        (lambda post, asked, given: given["size"]["anyOf"].append({"type": "string"}), "201.size may be string", True),
        (lambda post, asked, given: given["id"].update(type="integer"), "201.id is integer, was string", True),
    ],
)
def test_a_change_is_told_and_judged(by: Callable[[Json, Json, Json], object], says: str, breaking: bool) -> None:
    found = changed(by)
    assert [judged for what, judged in found if says in what] == [breaking], found


@pytest.mark.parametrize(
    "by",
    [
        lambda post, asked, given: None,
        lambda post, asked, given: asked["name"].update(maxLength=64, description="other words"),
        lambda post, asked, given: asked["rows"].update(type="number"),
        lambda post, asked, given: asked["kind"].update(type="string"),
        lambda post, asked, given: given["state"].update(enum=["up"], type="string"),
        lambda post, asked, given: given["id"].update(maxLength=3),
    ],
)
def test_what_takes_more_or_gives_less_than_it_might_breaks_nobody(by: Callable[[Json, Json, Json], object]) -> None:
    assert not any(breaking for _, breaking in changed(by))


def test_operations_and_required_members_are_looked_at() -> None:
    after = copy.deepcopy(BEFORE)
    del after["paths"]["/things"]["get"]
    after["paths"]["/others"] = {"get": {"responses": {}}}
    after["components"]["schemas"]["Asked"]["required"].append("kind")
    after["components"]["schemas"]["Thing"]["required"].remove("state")
    found = {f"{change.where} {change.what}": change.breaking for change in changes(BEFORE, after)}
    assert found["GET /things is gone"]
    assert not found["GET /others is new"]
    assert found["POST /things body.kind is required now"]
    assert found["POST /things 201.state may be left out now"]


def test_a_schema_may_have_another_name_and_hold_itself() -> None:
    after = json.loads(json.dumps(BEFORE).replace("/Thing", "/Other").replace('"Thing"', '"Other"'))
    assert changes(BEFORE, after) == []


def test_a_place_of_a_path_may_have_another_name() -> None:
    def one(name: str, least: int) -> Json:
        place = {"in": "path", "name": name, "required": True, "schema": {"type": "string", "minLength": least}}
        return {"paths": {f"/a/{{{name}}}/b": {"get": {"parameters": [place], "responses": {}}}}}

    assert changes(one("version", 1), one("version_or_alias", 1)) == []
    assert [change.breaking for change in changes(one("version", 1), one("alias", 2))] == [True]


def test_only_the_unreleased_part_of_the_changelog_counts() -> None:
    assert not says_breaking("## Unreleased\n\n- what breaks is told as **Breaking**\n")
    assert says_breaking(f"# Changelog\n\n{BREAKING}")
    assert not says_breaking(f"# Changelog\n\n## Unreleased\n\n- more\n\n{BREAKING.replace('Unreleased', '1.0')}")


def test_the_file_is_the_description() -> None:
    assert GOLDEN.read_text() == text(document()), "run `make docs`, and read what it changes in docs/openapi.json"


@pytest.mark.parametrize("commit", ["HEAD", "HEAD^"])
def test_nothing_breaks_clients_of_what_was_committed_unless_the_changelog_says_so(commit: str) -> None:
    shown = subprocess.run(["git", "show", f"{commit}:docs/openapi.json"], cwd=ROOT, capture_output=True, check=False)
    if shown.returncode:
        pytest.skip(f"no description of the API in {commit}")
    found = [change for change in changes(json.loads(shown.stdout), json.loads(GOLDEN.read_text())) if change.breaking]
    if not says_breaking((ROOT / "CHANGELOG.md").read_text()):
        assert found == []
