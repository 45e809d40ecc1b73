"""The examples of the API's description are what the API takes and gives: a story is played, and gives just them."""

import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bms.core.clock import SystemClock
from bms.web.api.openapi import examples
from bms.web.api.unknown_members import check_members
from tests.described import VALIDATOR, document, rows
from tests.security.world import MODEL, World, digest, two_tenants
from tests.worlds.deployments import Registry

Json = dict[str, Any]
KEPT = Path(examples.__file__).parent / examples.FILE
TOLD: dict[str, Json] = json.loads(KEPT.read_text())
GATE = {"metric": "accuracy", "dataset": "digits@1", "minimum": 0.9}
FILE = {"path": "model.onnx", "digest": digest(MODEL), "size": len(MODEL)}
# What is asked in turn: the operation, its path, its body.
STORY: list[tuple[str, str, Json | None]] = [
    ("post_users", "/users", {"name": "ann", "role": "admin"}),
    ("patch_users_user", "/users/ann", {"role": "developer"}),
    ("get_whoami", "/whoami", None),
    ("post_keys", "/keys", {"name": "ci", "user": "ann", "scopes": ["models:read", "models:write"]}),
    ("put_secrets_secret", "/secrets/openai", {"value": "sk-example", "hosts": ["api.openai.com"]}),
    ("get_secrets", "/secrets?limit=1", None),
    ("post_datasets_dataset_versions", "/datasets/digits/versions", {"source": {"sample": "digits"}}),
    ("get_datasets_dataset", "/datasets/digits", None),
    ("post_models", "/models", {"name": "digits", "description": "Handwritten digits."}),
    ("patch_models_model", "/models/digits", {"gates": [GATE]}),
    ("post_models_model_versions", "/models/digits/versions", {"files": [FILE]}),
    ("get_models_model_versions_number", "/models/digits/versions/2", None),
    ("get_models_model_versions_number_gates", "/models/digits/versions/2/gates", None),
    ("put_models_model_aliases_alias", "/models/digits/aliases/production", {"version": 2, "force": True}),
    ("post_deployments", "/deployments", {"name": "digits", "model": "digits", "alias": "production"}),
    (
        "put_deployments_deployment",
        "/deployments/digits",
        {"model": "digits", "version": 2, "replicas": 2, "batching": {"max_rows": 32}},
    ),
    ("get_deployments_deployment_status", "/deployments/digits/status", None),
    ("get_deployments_deployment_revisions", "/deployments/digits/revisions", None),
    ("post_deployments_deployment_rollback", "/deployments/digits/rollback", {"to": 1}),
    (
        "post_jobs",
        "/jobs",
        {"code": "TREE", "entry": "quarry.py", "name": "train-digits", "environment": {"requirements": ["torch"]}},
    ),
    ("get_recipes", "/recipes", None),
]
ROWS = {row.operation: row for row in rows()}
ID = re.compile(r"\b([a-z]+)_[0-9a-hjkmnp-tv-z]{26}(\.[\w-]+)?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with two_tenants(tmp_path, monkeypatch) as made:
        yield made


def plain(told: Any) -> Any:
    """Without what is another each time: identifiers, times, the order of sets."""
    text = ID.sub(lambda found: f"{found[1]}_01example{'.secret' if found[2] else ''}", json.dumps(told))
    read: Json = json.loads(TIME.sub("2026-01-31T12:00:00Z", text))
    if "key" in read and "scopes" in read["key"]:
        read["key"]["scopes"].sort()
    return read


async def test_the_story_gives_just_the_examples(world: World) -> None:
    registry = Registry(world.control.platform.database, SystemClock())
    heard: dict[str, Json] = {}
    async with world.client(world.owner) as client:
        for operation, path, body in STORY:
            row = ROWS[operation]
            asked = {"json": {**body, "code": world.tree} if body.get("code") else body} if body is not None else {}
            answer = await client.request(row.method, path, **asked)
            assert answer.status_code == row.status, (operation, answer.text)
            if operation == "post_models_model_versions":
                await registry.add_version(2, model="digits")
            told = plain(answer.json())
            if isinstance(told.get("items"), list):
                told["items"] = told["items"][:2]
            heard[operation] = {"answer": told, **({} if body is None else {"body": plain(asked["json"])})}
    if os.environ.get("BMS_WRITE_EXAMPLES"):
        KEPT.write_text(json.dumps(heard, indent=1, ensure_ascii=False) + "\n")
    assert heard == json.loads(KEPT.read_text())


@pytest.mark.parametrize("operation", TOLD)
def test_an_example_is_of_its_type_and_valid_by_its_schema(operation: str) -> None:
    row, told = ROWS[operation], TOLD[operation]
    for side, kind in (("body", row.body), ("answer", row.answer)):
        if side in told:
            raw = msgspec.json.encode(told[side])
            msgspec.json.decode(raw, type=kind)
            check_members(raw, kind)
    described = document()
    operations = [each for methods in described["paths"].values() for each in methods.values()]
    one = next(each for each in operations if each["operationId"] == operation)
    contents = [one["responses"][str(row.status)], *([one["requestBody"]] if "body" in told else [])]
    for content in (each["content"]["application/json"] for each in contents):
        schema = {**content["schema"], "components": described["components"]}
        assert not [f"{each.json_path}: {each.message}" for each in VALIDATOR(schema).iter_errors(content["example"])]
