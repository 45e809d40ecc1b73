"""TensorFlow Serving's REST status and metadata: protobuf written as JSON, so 64-bit integers are strings."""

from collections.abc import Iterable

import orjson

from bms.core.errors import BmsError
from bms.core.serving.snapshot import ServedVersion
from bms.core.tensors.signature import Signature, TensorSpec

_DTYPES = {
    "BOOL": "DT_BOOL",
    "UINT8": "DT_UINT8",
    "UINT16": "DT_UINT16",
    "UINT32": "DT_UINT32",
    "UINT64": "DT_UINT64",
    "INT8": "DT_INT8",
    "INT16": "DT_INT16",
    "INT32": "DT_INT32",
    "INT64": "DT_INT64",
    "FP16": "DT_HALF",
    "FP32": "DT_FLOAT",
    "FP64": "DT_DOUBLE",
    "BYTES": "DT_STRING",
}


def version_statuses(versions: Iterable[ServedVersion]) -> list[dict[str, object]]:
    """Returns the list under `model_version_status`, newest version first."""
    return [
        {
            "version": str(version.number),
            "state": version.state,
            "status": {"error_code": "UNKNOWN" if version.error else "OK", "error_message": version.error},
        }
        for version in sorted(versions, key=lambda version: -version.number)
    ]


def encode_metadata(model: str, version: ServedVersion) -> bytes:
    """Encodes the answer of `GET …/metadata`."""
    definitions = {name: _definition(signature) for name, signature in version.signatures.items()}
    return orjson.dumps(
        {
            "model_spec": {"name": model, "signature_name": "", "version": str(version.number)},
            "metadata": {"signature_def": {"signature_def": definitions}},
        }
    )


def encode_error(error: BmsError) -> bytes:
    """Encodes `{"error": text}`, as TF Serving, KServe and Triton write errors."""
    return orjson.dumps({"error": error.message})


def _definition(signature: Signature) -> dict[str, object]:
    return {
        "inputs": {spec.name: _tensor(spec) for spec in signature.inputs},
        "outputs": {spec.name: _tensor(spec) for spec in signature.outputs},
        "method_name": f"tensorflow/serving/{signature.method}",
    }


def _tensor(spec: TensorSpec) -> dict[str, object]:
    return {
        "dtype": _DTYPES[spec.dtype],
        "tensor_shape": {
            "dim": [{"size": "-1" if size is None else str(size), "name": ""} for size in spec.shape],
            "unknown_rank": False,
        },
        "name": f"{spec.name}:0",
    }
