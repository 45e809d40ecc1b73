"""Our schemas against those that clients are generated from, read in processes of their own: registered in one pool,
two files of one name would clash."""

import json
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf.descriptor_pool import DescriptorPool

from bms.protocols.protobuf.pool import FILES, POOL
from bms.protocols.protobuf.schema import read_schema

_DUMP = """
import importlib, json, sys

def fields(kind):
    return {
        field.name: [field.number, field.type, field.is_repeated,
                     field.message_type.full_name if field.message_type else None,
                     field.enum_type.full_name if field.enum_type else None,
                     field.containing_oneof.name if field.containing_oneof else None]
        for field in kind.fields
    }

def messages(kind):
    yield kind.full_name, fields(kind)
    for nested in kind.nested_types:
        yield from messages(nested)

def enums(kinds, inner):
    found = {kind.full_name: {value.name: value.number for value in kind.values} for kind in kinds}
    for kind in inner:
        found |= enums(kind.enum_types, kind.nested_types)
    return found

def dump(file):
    tops = list(file.message_types_by_name.values())
    return {
        "messages": dict(pair for top in tops for pair in messages(top)),
        "enums": enums(file.enum_types_by_name.values(), tops),
        "services": {
            service.full_name: {
                method.name: [method.input_type.full_name, method.output_type.full_name,
                              method.client_streaming, method.server_streaming]
                for method in service.methods
            }
            for service in file.services_by_name.values()
        },
    }
"""
_THEIRS = _DUMP + "print(json.dumps([dump(importlib.import_module(name).DESCRIPTOR) for name in sys.argv[1:]]))"
SUBSETS = {
    "inference.ModelConfig",
    "inference.ModelInput",
    "inference.ModelOutput",
    "inference.ModelDynamicBatching",
    "inference.ModelSequenceBatching",
}  # the rest we have nothing to say of


def theirs(*modules: str) -> list[dict[str, dict[str, Any]]]:
    return dumped(sys.executable, *modules)


def dumped(python: str, *modules: str) -> list[dict[str, dict[str, Any]]]:
    """What the files behind these modules declare, as that interpreter finds them."""
    run = subprocess.run([python, "-c", _THEIRS, *modules], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(run.stdout)


def ours(name: str) -> dict[str, dict[str, Any]]:
    scope: dict[str, Any] = {}
    exec(_DUMP, scope)
    return json.loads(json.dumps(scope["dump"](POOL.FindFileByName(name))))


def test_inference_is_what_tritonclient_speaks() -> None:
    service, config = theirs("tritonclient.grpc.service_pb2", "tritonclient.grpc.model_config_pb2")
    mine = ours("inference.proto")
    assert mine["services"] == service["services"]
    assert mine["enums"]["inference.DataType"] == config["enums"]["inference.DataType"]
    known = {**service["messages"], **config["messages"]}
    for name, fields in mine["messages"].items():
        if name in SUBSETS:
            assert fields.items() <= known[name].items(), name
        else:
            assert fields == known[name], name
    assert mine["messages"].keys() >= service["messages"].keys()


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("grpc/reflection/v1alpha/reflection.proto", "grpc_reflection.v1alpha.reflection_pb2"),
        ("grpc/health/v1/health.proto", "grpc_health.v1.health_pb2"),
    ],
)
def test_health_and_reflection_are_what_their_clients_speak(name: str, module: str) -> None:
    (known,) = theirs(module)
    mine = ours(name)
    for part in ("messages", "enums"):
        assert mine[part].items() >= known[part].items()
    for service, methods in known["services"].items():
        assert mine["services"][service].items() >= methods.items()


def test_both_versions_of_reflection_are_the_same() -> None:
    old, new = (json.dumps(ours(f"grpc/reflection/{version}/reflection.proto")) for version in ("v1alpha", "v1"))
    assert old.replace("grpc.reflection.v1alpha.", "grpc.reflection.v1.") == new


def test_files_can_be_told_to_others() -> None:
    other = DescriptorPool()
    for file in FILES:
        other.AddSerializedFile(POOL.FindFileByName(file.name).serialized_pb)
        for service in file.service:
            name = f"{file.package}.{service.name}"
            assert len(other.FindServiceByName(name).methods) == len(service.method)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import a;", "expected message, enum or service"),
        ("message A { string a = 1;", "has no end"),
        ("message A { string a 1; }", "expected '='"),
        ("message A { map<string> a = 1; }", "expected ','"),
        ("enum A { B = 0;", "has no end"),
        ("service A { rpc B(C) returns (D);", "has no end"),
        ("service A { call B(C) returns (D); }", "expected rpc"),
    ],
)
def test_what_is_not_in_our_part_of_the_language_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_schema("a.proto", "a", text)
