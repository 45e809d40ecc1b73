"""What the Open Inference Protocol v2 says of a server and its models."""

import orjson

from bms.core.signature import DEFAULT, TensorSpec
from bms.core.snapshot import DeploymentEntry, ServedVersion


def encode_server(version: str) -> bytes:
    """The answer of `GET /v2`."""
    return orjson.dumps({"name": "bms", "version": version, "extensions": ["binary_tensor_data"]})


def encode_health(name: str, good: bool) -> bytes:
    """The answer of `/v2/health/live` and `/v2/health/ready`: clients read one key or the other."""
    return orjson.dumps({"live": True, "ready": good} if name == "ready" else {"live": good})


def encode_model_ready(model: str, ready: bool) -> bytes:
    return orjson.dumps({"name": model, "ready": ready})


def encode_model(entry: DeploymentEntry, version: ServedVersion) -> bytes:
    """The answer of `GET /v2/models/M[/versions/V]`: the default signature's tensors, or the only one's."""
    signature = version.signatures.get(DEFAULT) or next(iter(version.signatures.values()), None)
    return orjson.dumps(
        {
            "name": entry.name,
            "versions": [str(number) for number in sorted(served.number for served in entry.versions)],
            "platform": version.platform,
            "inputs": [_tensor(spec) for spec in signature.inputs] if signature else [],
            "outputs": [_tensor(spec) for spec in signature.outputs] if signature else [],
        }
    )


def _tensor(spec: TensorSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "datatype": spec.dtype,
        "shape": [-1 if size is None else size for size in spec.shape],
    }
