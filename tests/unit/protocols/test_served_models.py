"""What TF Serving, KServe, OpenAI and OIP clients are told of models."""

import json

from bms.core.errors import NotFound
from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.core.tensors.signature import Signature, TensorSpec
from bms.protocols import model_listing
from bms.protocols.oip import metadata as oip_metadata
from bms.protocols.tfserving import status as tfserving_status

SIGNATURE = Signature(
    inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),),
    outputs=(TensorSpec(name="y", dtype="BYTES", shape=(None,)),),
)
ONE = ServedVersion(
    number=1, state="AVAILABLE", signatures={"serving_default": SIGNATURE}, replicas=(), platform="onnx"
)
TEN = ServedVersion(number=10, state="END", signatures={}, replicas=(), error="it crashed")
ENTRY = DeploymentEntry(id="d", tenant="acme", name="m", model="m", versions=(ONE, TEN))


def test_the_list_satisfies_openai_and_kserve() -> None:
    body = json.loads(model_listing.encode_list([ENTRY]))
    assert body == {
        "object": "list",
        "data": [{"id": "m", "object": "model", "created": 0, "owned_by": "acme"}],
        "models": ["m"],
    }


def test_a_model_satisfies_all_three_and_writes_versions_as_strings() -> None:
    body = json.loads(model_listing.encode_model(ENTRY, ENTRY.versions))
    assert (body["id"], body["object"], body["name"], body["ready"]) == ("m", "model", "m", True)
    assert body["model_version_status"] == [
        {"version": "10", "state": "END", "status": {"error_code": "UNKNOWN", "error_message": "it crashed"}},
        {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}},
    ]


def test_metadata_nests_signatures_twice_and_writes_64_bit_numbers_as_strings() -> None:
    body = json.loads(tfserving_status.encode_metadata("m", ONE))
    assert body["model_spec"] == {"name": "m", "signature_name": "", "version": "1"}
    definition = body["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert definition["inputs"]["x"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "4", "name": ""}], "unknown_rank": False},
        "name": "x:0",
    }
    assert definition["outputs"]["y"]["dtype"] == "DT_STRING"
    assert definition["method_name"] == "tensorflow/serving/predict"


def test_oip_metadata_lists_versions_in_order_and_tensors_of_the_default_signature() -> None:
    body = json.loads(oip_metadata.encode_model(ENTRY, ONE))
    assert body == {
        "name": "m",
        "versions": ["1", "10"],
        "platform": "onnx",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [{"name": "y", "datatype": "BYTES", "shape": [-1]}],
    }
    assert json.loads(oip_metadata.encode_model(ENTRY, TEN))["inputs"] == []


def test_health_carries_both_keys_where_clients_read_either() -> None:
    assert json.loads(oip_metadata.encode_health("ready", False)) == {"live": True, "ready": False}
    assert json.loads(oip_metadata.encode_health("live", True)) == {"live": True}
    assert json.loads(oip_metadata.encode_model_ready("m", True)) == {"name": "m", "ready": True}
    assert "binary_tensor_data" in json.loads(oip_metadata.encode_server("1"))["extensions"]


def test_errors_are_one_text() -> None:
    assert tfserving_status.encode_error(NotFound("gone")) == b'{"error":"gone"}'
