"""The model repository extension: the index of models and their states.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

from collections.abc import Iterable

import msgspec
import orjson

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import DeploymentEntry, ServedVersion

_STATES = {
    "START": "LOADING",
    "LOADING": "LOADING",
    "AVAILABLE": "READY",
    "UNLOADING": "UNLOADING",
    "END": "UNAVAILABLE",
}


class IndexBody(msgspec.Struct, frozen=True):
    """The body that a client may send to `/v2/repository/index`."""

    ready: bool = False
    repository_name: str | None = None


def decode_index(body: bytes | memoryview) -> bool:
    """Returns whether only ready models are asked for. Raises InvalidArgument for a body that is none of the
    protocol's."""
    if not bytes(body).strip():
        return False
    try:
        return msgspec.json.decode(body, type=IndexBody).ready
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"the body is not what was expected: {error}") from None


def encode_index(entries: Iterable[DeploymentEntry], ready_only: bool) -> bytes:
    """Encodes an item for every version of every deployment, by name and number; a deployment without one has an item
    too."""
    items: list[dict[str, str]] = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        versions = sorted(entry.versions, key=lambda version: version.number)
        items += [_item(entry.name, version) for version in versions]
        if not versions:
            reason = "no version takes traffic yet"
            items.append({"name": entry.name, "version": "", "state": "UNAVAILABLE", "reason": reason})
    return orjson.dumps([item for item in items if not ready_only or item["state"] == "READY"])


def _item(name: str, version: ServedVersion) -> dict[str, str]:
    reason = version.error or ("unloaded" if version.state == "END" else "")
    return {"name": name, "version": str(version.number), "state": _STATES[version.state], "reason": reason}
