"""A body says what is no default, so that the server's own count for what is left out."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from bms.api_types.by_name import ByName
from bms.api_types.keys import CreateKey
from bms.api_types.users import ChangeUser
from bms.sdk.datasets import Dataset
from bms.sdk.deployments import Batching, Deployment, DeploymentSpec, Target
from bms.sdk.models import Model
from bms.sdk.nouns.signatures import ImagePreprocess
from bms.sdk.transport.bodies import without_defaults


def test_defaults_and_none_are_left_out() -> None:
    assert without_defaults(CreateKey(name="ci")) == {"name": "ci"}
    assert without_defaults(CreateKey(name="ci", user=None, scopes=frozenset({"b", "a"}))) == {
        "name": "ci",
        "scopes": ["a", "b"],
    }
    later = datetime(2030, 1, 1, tzinfo=UTC)
    assert without_defaults(CreateKey(name="ci", expires_at=later))["expires_at"] == later


def test_what_is_false_and_no_default_is_said() -> None:
    assert without_defaults(ChangeUser(disabled=False)) == {"disabled": False}


def test_a_deployment_says_what_is_wanted_otherwise_than_usual_as_older_programs_wrote_it_too() -> None:
    spec = DeploymentSpec(model="m", targets=[Target(version=3)], batching=Batching(max_rows=8), stopped=True)
    said_too = {"targets": [{"version": 3}], "batching": {"max_rows": 8}, "stopped": True}
    assert without_defaults(spec) == {"model": "m", **said_too}
    older: dict[str, Any] = {"replicas": None, "resources": {"cpu": 2.0}, "batching": None}
    older_spec = DeploymentSpec(model="m", targets=[Target(alias="a")], **older)
    assert without_defaults(older_spec) == {"model": "m", "targets": [{"alias": "a"}], "resources": {"cpu": 2.0}}


def test_a_type_says_its_tag() -> None:
    made = ImagePreprocess(mode="L", height=8, width=8, mean=(0.5,))
    assert without_defaults(made) == {"type": "image", "mode": "L", "height": 8, "width": 8, "mean": [0.5]}


def test_members_are_had_by_name_as_of_a_dictionary() -> None:
    class Both(ByName, msgspec.Struct, frozen=True, kw_only=True):
        cpu: float = 1.0
        memory: int = 2

    both = Both(cpu=4.0)
    assert (both["cpu"], both.get("memory"), both.get("none", 3)) == (4.0, 2, 3)
    assert {**both} == {"cpu": 4.0, "memory": 2}
    assert msgspec.json.encode(both) == b'{"cpu":4.0,"memory":2}'


def test_what_lists_alone_tell_is_there_to_be_read_everywhere() -> None:
    once = b'{"id": "d", "name": "d", "description": "", "created_at": "2026-01-01T00:00:00Z", "created_by": "me"'
    spec = b', "spec": {"model": "m", "targets": []}}'
    assert msgspec.json.decode(once + spec, type=Deployment).state == ""
    assert msgspec.json.decode(once + b"}", type=Model).newest is None
    assert msgspec.json.decode(once + b"}", type=Dataset).newest is None
