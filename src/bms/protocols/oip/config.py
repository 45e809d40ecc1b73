"""Model configurations as Triton's clients read them, derived from a served version.

Source: https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto, as its JSON form.
"""

import orjson

from bms.core.serving.model_config import dims
from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.core.tensors.signature import Signature, TensorSpec
from bms.protocols.oip.metadata import shown_signature


def encode_config(entry: DeploymentEntry, version: ServedVersion) -> bytes:
    """Encodes the answer of `GET /v2/models/M[/versions/V]/config`.

    Where the version says no `max_batch_size` it is 0, and dimensions are whole, the first one free where the model is
    batched: a request may have any number of rows, however many run together.
    """
    signature = shown_signature(entry, version)
    told: dict[str, object] = {
        "name": entry.name,
        "platform": version.platform,
        "backend": version.platform,
        "version_policy": {"specific": {"versions": sorted(served.number for served in entry.versions)}},
        "max_batch_size": signature.max_batch_size if signature else 0,
        "input": [_input(spec, signature) for spec in signature.inputs] if signature else [],
        "output": [_output(spec, signature) for spec in signature.outputs] if signature else [],
        "parameters": {"deployed_model": {"string_value": entry.model}},
        "model_transaction_policy": {"decoupled": signature.streams if signature else False},
    }
    if signature and signature.sequences is not None:
        told["sequence_batching"] = {"max_sequence_idle_microseconds": round(signature.sequences.idle_s * 1e6)}
    elif signature and signature.max_batch_size and version.max_rows > 1:
        told["dynamic_batching"] = {}
    return orjson.dumps(told)


def _input(spec: TensorSpec, signature: Signature) -> dict[str, object]:
    optional = spec.optional if spec.column is None else spec.column.optional
    return {
        **_tensor(spec, signature),
        "format": f"FORMAT_{spec.format or 'NONE'}",
        "is_shape_tensor": False,
        "allow_ragged_batch": False,
        "optional": optional,
    }


def _output(spec: TensorSpec, signature: Signature) -> dict[str, object]:
    return {**_tensor(spec, signature), "label_filename": "", "is_shape_tensor": False}


def _tensor(spec: TensorSpec, signature: Signature) -> dict[str, object]:
    kind = "STRING" if spec.dtype == "BYTES" else spec.dtype
    told: dict[str, object] = {"name": spec.name, "data_type": f"TYPE_{kind}"}
    sizes = [-1 if size is None else size for size in dims(spec, signature)]
    if signature.max_batch_size and not sizes:  # one value a row: a configuration has no tensor without dimensions
        return {**told, "dims": [1], "reshape": {"shape": []}}
    return {**told, "dims": sizes}
