"""Bodies of `/v1/models` that satisfy OpenAI, KServe V1 and TensorFlow Serving clients at once."""

from collections.abc import Iterable

import orjson

from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.protocols.tfserving.status import version_statuses


def encode_list(entries: Iterable[DeploymentEntry]) -> bytes:
    """Encodes the list: OpenAI reads `object` and `data`, KServe reads `models`."""
    listed = sorted(entries, key=lambda entry: entry.name)
    return orjson.dumps(
        {
            "object": "list",
            "data": [_openai(entry) for entry in listed],
            "models": [entry.name for entry in listed],
        }
    )


def encode_model(entry: DeploymentEntry, versions: Iterable[ServedVersion]) -> bytes:
    """Encodes one model: TF Serving reads `model_version_status`, KServe `name` and `ready`, OpenAI the rest."""
    return orjson.dumps(
        {
            **_openai(entry),
            "name": entry.name,
            "ready": any(version.state == "AVAILABLE" for version in entry.versions),
            "model_version_status": version_statuses(versions),
        }
    )


def _openai(entry: DeploymentEntry) -> dict[str, object]:
    return {"id": entry.name, "object": "model", "created": 0, "owned_by": entry.tenant}
