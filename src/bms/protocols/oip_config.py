"""A model's configuration as Triton's clients read it, made of what is known of a served version.

Source: https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto, as its JSON form.
"""

import orjson

from bms.core.signature import TensorSpec
from bms.core.snapshot import DeploymentEntry, ServedVersion
from bms.protocols.oip_metadata import shown_signature


def encode_config(entry: DeploymentEntry, version: ServedVersion) -> bytes:
    """The answer of `GET /v2/models/M[/versions/V]/config`.

    `max_batch_size` 0 says that shapes are whole, their first dimension free where the model is batched: a request
    may have any number of rows, however many run together.
    """
    signature = shown_signature(version)
    return orjson.dumps(
        {
            "name": entry.name,
            "platform": version.platform,
            "backend": version.platform,
            "version_policy": {"specific": {"versions": sorted(served.number for served in entry.versions)}},
            "max_batch_size": 0,
            "input": [_tensor(spec) for spec in signature.inputs] if signature else [],
            "output": [_tensor(spec) for spec in signature.outputs] if signature else [],
            "parameters": {"deployed_model": {"string_value": entry.model}},
        }
    )


def _tensor(spec: TensorSpec) -> dict[str, object]:
    kind = "STRING" if spec.dtype == "BYTES" else spec.dtype
    return {
        "name": spec.name,
        "data_type": f"TYPE_{kind}",
        "dims": [-1 if size is None else size for size in spec.shape],
    }
