"""Server and model metadata of the Open Inference Protocol v2."""

import orjson

from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.protocols.oip.kserve_labels import with_labels

EXTENSIONS = (  # by the names Triton gives them; those that are not served are not listed
    "binary_tensor_data",
    "classification",
    "logging",
    "model_configuration",
    "model_repository",
    "parameters",
    "schedule_policy",
    "sequence",
    "statistics",
    "trace",
)


def encode_server(version: str) -> bytes:
    """Encodes the answer of `GET /v2`."""
    return orjson.dumps({"name": "bms", "version": version, "extensions": EXTENSIONS})


def encode_health(name: str, good: bool) -> bytes:
    """Encodes the answer of `/v2/health/live` and `/v2/health/ready`: clients read one key or the other."""
    return orjson.dumps({"live": True, "ready": good} if name == "ready" else {"live": good})


def encode_model_ready(model: str, ready: bool) -> bytes:
    return orjson.dumps({"name": model, "ready": ready})


def encode_model(entry: DeploymentEntry, version: ServedVersion) -> bytes:
    """Encodes the answer of `GET /v2/models/M[/versions/V]`: the default signature's tensors, or the only one's."""
    signature = shown_signature(entry, version)
    return orjson.dumps(
        {
            "name": entry.name,
            "versions": [str(number) for number in sorted(served.number for served in entry.versions)],
            "platform": version.platform,
            "inputs": [_tensor(spec) for spec in signature.inputs] if signature else [],
            "outputs": [_tensor(spec) for spec in signature.outputs] if signature else [],
        }
    )


def shown_signature(entry: DeploymentEntry, version: ServedVersion) -> Signature | None:
    """Returns the one signature that a protocol without signatures describes: the default one, or the first; with the
    output for labels, where the deployment answers as KServe."""
    signatures = with_labels(version.signatures) if entry.dialect == "kserve" else version.signatures
    return signatures.get(DEFAULT) or next(iter(signatures.values()), None)


def _tensor(spec: TensorSpec) -> dict[str, object]:
    told: dict[str, object] = {
        "name": spec.name,
        "datatype": spec.dtype,
        "shape": [-1 if size is None else size for size in spec.shape],
    }
    if spec.column is not None:
        told["parameters"] = {"column": spec.column.type, "optional": spec.column.optional}
    return told
