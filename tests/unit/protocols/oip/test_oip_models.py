"""Index, configuration and statistics of the Open Inference Protocol's extensions."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.core.tensors.signature import Signature, TensorSpec
from bms.protocols.oip.config import encode_config
from bms.protocols.oip.grpc.models import model_config
from bms.protocols.oip.repository import decode_index, encode_index
from bms.protocols.oip.statistics import VersionStatistics, encode_statistics
from bms.protocols.protobuf.pool import message

TEXT = Signature(
    inputs=(TensorSpec(name="text", dtype="BYTES", shape=(None, 2)),),
    outputs=(TensorSpec(name="half", dtype="FP16", shape=(None,)),),
)


def version(number: int, state: str = "AVAILABLE", error: str = "") -> ServedVersion:
    return ServedVersion(number=number, state=state, signatures={"a": TEXT}, replicas=(), error=error, platform="onnx")  # type: ignore[arg-type]


def entry(name: str, *versions: ServedVersion) -> DeploymentEntry:
    return DeploymentEntry(id=f"dep_{name}", tenant="acme", name=name, model="mine", versions=versions)


def test_every_state_has_a_word_of_the_protocol() -> None:
    states = [
        ("START", "", "LOADING", ""),
        ("LOADING", "", "LOADING", ""),
        ("AVAILABLE", "", "READY", ""),
        ("UNLOADING", "", "UNLOADING", ""),
        ("END", "", "UNAVAILABLE", "unloaded"),
        ("END", "it crashed", "UNAVAILABLE", "it crashed"),
    ]
    versions = [version(number, state, error) for number, (state, error, _, _) in enumerate(states, 1)]
    told = json.loads(encode_index([entry("m", *versions)], ready_only=False))
    assert [(item["state"], item["reason"]) for item in told] == [(state, reason) for _, _, state, reason in states]
    assert [item["version"] for item in told] == [str(number) for number in range(1, 7)]
    ready = json.loads(encode_index([entry("m", *versions), entry("empty")], ready_only=True))
    assert [item["version"] for item in ready] == ["3"]


@pytest.mark.parametrize(
    ("body", "ready"),
    [
        (b"", False),
        (b"  \n", False),
        (b"{}", False),
        (b'{"ready": true}', True),
        (b'{"ready": false, "repository_name": "", "more": 1}', False),
        (memoryview(b'{"ready": true}'), True),
    ],
    ids=["empty", "blank", "nothing", "ready", "more", "in-place"],
)
def test_an_index_may_be_of_what_is_ready(body: bytes, ready: bool) -> None:
    assert decode_index(body) is ready


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"ready": 1}', b"\xff", b"[" * 100_000])
def test_an_index_request_of_another_kind_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidArgument):
        decode_index(body)


def test_a_configuration_names_types_as_tritons_does() -> None:
    told = json.loads(encode_config(entry("m", version(1), version(3)), version(3)))
    plain = {"format": "FORMAT_NONE", "is_shape_tensor": False, "allow_ragged_batch": False, "optional": False}
    assert told["input"] == [{"name": "text", "data_type": "TYPE_STRING", "dims": [-1, 2], **plain}]
    given = {"label_filename": "", "is_shape_tensor": False}
    assert told["output"] == [{"name": "half", "data_type": "TYPE_FP16", "dims": [-1], **given}]
    assert told["max_batch_size"] == 0
    assert told["model_transaction_policy"] == {"decoupled": False}
    assert "dynamic_batching" not in told
    assert told["version_policy"] == {"specific": {"versions": [1, 3]}}
    assert told["parameters"] == {"deployed_model": {"string_value": "mine"}}


IMAGE = TensorSpec(name="image", dtype="FP32", shape=(None, 3, 4, 6), format="NCHW")
MASK = TensorSpec(name="mask", dtype="FP32", shape=(None, 1), optional=True)
VALUE = TensorSpec(name="value", dtype="FP32", shape=(None,))


def configured(**said: object) -> dict[str, Any]:
    """As over REST; and over gRPC it says the same."""
    signature = Signature(inputs=(IMAGE, MASK), outputs=(VALUE,), **said)  # type: ignore[arg-type]
    one = ServedVersion(number=1, state="AVAILABLE", signatures={"serving_default": signature}, replicas=(), max_rows=4)
    told: dict[str, Any] = json.loads(encode_config(entry("m", one), one))
    answer = message("inference.ModelConfigResponse").FromString(model_config(entry("m", one), one))
    config = MessageToDict(answer, preserving_proto_field_name=True)["config"]
    assert config.get("max_batch_size", 0) == told["max_batch_size"]
    assert config["input"][0]["format"] == told["input"][0]["format"]
    assert [int(size) for size in config["input"][0]["dims"]] == told["input"][0]["dims"]
    assert config["input"][1]["optional"]
    return told


def test_dimensions_are_told_without_rows_where_the_version_says_how_many_there_may_be() -> None:
    told = configured(max_batch_size=4)
    assert (told["max_batch_size"], told["dynamic_batching"]) == (4, {})
    assert [(one["dims"], one["format"], one["optional"]) for one in told["input"]] == [
        ([3, 4, 6], "FORMAT_NCHW", False),
        ([1], "FORMAT_NONE", True),
    ]
    (value,) = told["output"]
    assert (value["dims"], value["reshape"]) == ([1], {"shape": []})


def test_a_model_that_streams_is_decoupled() -> None:
    told = configured(batched=False, streams=True)
    assert told["model_transaction_policy"] == {"decoupled": True}
    assert told["input"][0]["dims"] == [-1, 3, 4, 6]


def test_a_version_without_signatures_has_no_tensors() -> None:
    bare = ServedVersion(number=1, state="LOADING", signatures={}, replicas=())
    told = json.loads(encode_config(entry("m", bare), bare))
    assert (told["input"], told["output"]) == ([], [])


def test_statistics_are_whole_numbers_under_tritons_names() -> None:
    seen = VersionStatistics(
        successes=3, failures=1, rows=12, batches=((8, 1.0, 3), (4, 0.99, 4), (0, 0.25, 9)),
        queue_ns=5, compute_ns=7, total_ns=30, failed_ns=4,
        last_ns=1_700_000_000_123_456_789,
    )  # fmt: skip
    (one, none) = json.loads(encode_statistics([("m", 2, seen), ("m", 3, VersionStatistics())]))["model_stats"]
    assert (one["name"], one["version"], one["last_inference"]) == ("m", "2", 1_700_000_000_123)
    assert (one["inference_count"], one["execution_count"]) == (12, 2)
    runs = [(each["batch_size"], each["compute_infer"]) for each in one["batch_stats"]]
    assert runs == [(4, {"count": 1, "ns": 4}), (8, {"count": 1, "ns": 3})]
    assert (one["response_stats"], one["memory_usage"]) == ({}, [])
    durations = one["inference_stats"]
    assert durations["success"] == {"count": 3, "ns": 30}
    assert durations["fail"] == {"count": 1, "ns": 4}
    assert durations["queue"] == {"count": 3, "ns": 5}
    assert durations["compute_infer"] == {"count": 3, "ns": 7}
    for unmeasured in ("compute_input", "compute_output", "cache_hit", "cache_miss"):
        assert durations[unmeasured] == {"count": 0, "ns": 0}
    assert none["last_inference"] == none["inference_count"] == 0
