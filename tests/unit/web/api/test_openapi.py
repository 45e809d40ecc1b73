"""The description of the API is valid OpenAPI, holds every path, and leaves nothing without words."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any, get_args
from unittest.mock import MagicMock

from bms.app.control import assembly as parts
from bms.web.api.openapi.document import PREFIX, describe
from bms.web.api.openapi.errors import PROBLEM
from bms.web.api.openapi.operations import OPERATIONS, TAGS
from bms.web.inference.paths import Action, read_path

Json = dict[str, Any]
ROWS = parts._endpoints(*[MagicMock()] * len(signature(parts._endpoints).parameters))  # no handler is called
OURS = [row for row in ROWS if not row.foreign]
DOCUMENT = json.loads(json.dumps(describe(OURS, "0.1")))


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_it_is_valid(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    command = [sys.executable, "-m", "openapi_spec_validator", str(tmp_path / "openapi.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_reference_leads_somewhere() -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))):
        found: Any = DOCUMENT
        for name in reference.split("/"):
            found = found[name]
        assert isinstance(found, dict)


def test_every_operation_parameter_field_and_error_has_words() -> None:
    names = set()
    for method, path, operation in operations():
        assert operation["operationId"] not in names
        names.add(operation["operationId"])
        assert operation["summary"], path
        assert operation["description"], path
        assert set(operation["tags"]) <= set(TAGS), path
        for parameter in operation["parameters"]:
            assert parameter["description"], (method, path, parameter["name"])
        for status, response in operation["responses"].items():
            assert response.get("description") or response["$ref"], (path, status)
    for response in DOCUMENT["components"]["responses"].values():
        assert response["description"]
        assert response["content"]
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema.get("description"), name
        for field, about in schema.get("properties", {}).items():
            assert about.get("description"), (name, field)


def test_words_are_for_operations_that_there_are() -> None:
    assert set(OPERATIONS) - {row.operation for row in OURS} == {"get_openapi.json"}
    assert {tag["name"] for tag in DOCUMENT["tags"]} == set(TAGS)


def test_every_path_of_control_is_there_with_its_permission_and_its_errors() -> None:
    for row in ROWS:
        place = re.sub(r"\{(\w+):\w+\}", r"{\1}", row.path)
        path = place.replace("{deployment}", "{model}") if row.foreign else PREFIX + place
        operation = DOCUMENT["paths"][path][row.method.lower()]
        assert operation["x-permission"] == row.permission
        assert {"401", "403", "503"} <= set(operation["responses"])
        if not row.foreign:
            assert operation["responses"]["401"]["$ref"].endswith(f"{PROBLEM}401")


def test_every_path_of_a_gateway_is_there() -> None:
    """Each documented path is what the gateway reads as an action, with that method; and no action is left out."""
    seen = set()
    for method, path, operation in operations():
        if path.startswith("/api/v1/") or "/repository/models/" in path:
            continue
        target = path.replace("{version}", "3").replace("{version_or_alias}", "v0.1.0")
        target = target.replace("{model}", "m").replace("{label}", "production")
        read = read_path(method.encode(), target.encode())
        assert read is not None, path
        assert read.action is not None, path
        assert method in read.allowed.split(", "), path
        assert (operation["x-permission"] is None) == (read.action in ("alive", "oip_live", "oip_ready", "metrics"))
        seen.add(read.action)
    assert seen == set(get_args(Action))


def test_parameters_of_a_revision_stand_where_one_is_looked_at() -> None:
    guarded = {
        operation["operationId"]
        for _, _, operation in operations()
        if any(parameter["name"] == "If-Match" for parameter in operation["parameters"])
    }
    assert {"patch_users_user", "patch_models_model", "put_deployments_deployment"} <= guarded
    assert not {"get_users_user", "post_keys", "delete_secrets_secret"} & guarded


def test_a_body_has_no_other_members_and_an_answer_has_all_of_its_own() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for asked in ("CreateKey", "Deploy", "Target", "Signature", "Gate"):  # some of answers, too
        assert schemas[asked]["additionalProperties"] is False, asked
    for given in ("Job", "JobSpec", "DeploymentStatus", "Page_Job_", "Secret"):
        assert schemas[given]["required"] == list(schemas[given]["properties"]), given
        assert not any("default" in member for member in schemas[given]["properties"].values()), given
    assert "additionalProperties" not in schemas["Job"], "a newer server may tell more"
    assert schemas["UsageSum"]["required"] != list(schemas["UsageSum"]["properties"]), "what was not asked is left out"
