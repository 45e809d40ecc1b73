"""How people are told to ask a model that was deployed."""

from typing import Any, cast

import msgspec
import pytest

from bms.cli.serving import _advice
from bms.core.errors import BmsError, PermissionDenied
from bms.sdk.deployments import DeploymentStatus
from bms.sdk.models import Version


class Seen:
    """As much of a session as is looked at: where it is connected, and the version that it would be told of."""

    url = "http://here"

    def __init__(self, version: Version | BmsError) -> None:
        self._version = version
        self.connection = self.client = self.models = self

    def version(self, model: str, number: int) -> Version:
        if isinstance(self._version, BmsError):
            raise self._version
        return self._version


def version(signatures: tuple[str, ...], streaming: tuple[str, ...]) -> Version:
    empty: dict[str, object] = {"inputs": [], "outputs": []}
    said = {
        "id": "v",
        "tenant": "t",
        "model": "poet",
        "number": 1,
        "state": "ready",
        "runtime": "python",
        "size": 1,
        "artifact": "sha256:0",
        "created_at": "2026-01-01T00:00:00Z",
        "created_by": "u",
        "signatures": dict.fromkeys(signatures, empty),
        "metadata": {f"answers of {name}": "part by part" for name in streaming},
    }
    return msgspec.convert(said, Version)


def advised(seen: Version | BmsError) -> dict[str, str]:
    status = msgspec.convert(
        {
            "name": "poet",
            "model": "poet",
            "state": "serving",
            "path": "/v1/models/poet:predict",
            "traffic": [{"version": 1, "weight": 100}],
        },
        DeploymentStatus,
    )
    return _advice(cast(Any, Seen(seen)), status)


@pytest.mark.parametrize(
    ("signatures", "streaming"), [(("serving_default",), ("serving_default",)), (("generate",), ("generate",))]
)
def test_who_streams_alone_is_asked_for_a_stream(signatures: tuple[str, ...], streaming: tuple[str, ...]) -> None:
    assert advised(version(signatures, streaming)) == {
        "call": "http://here/v2/models/poet/generate_stream",
        "try": "bms predict poet --data '…' --stream",
    }


@pytest.mark.parametrize(
    "seen",
    [version(("serving_default",), ()), version(("serving_default", "stream"), ("stream",)), PermissionDenied("no")],
)
def test_others_are_asked_to_predict(seen: Version | BmsError) -> None:
    assert advised(seen) == {
        "call": "http://here/v1/models/poet:predict",
        "try": "bms predict poet --data '…'",
    }
