"""The unmodified tritonclient, over HTTP and gRPC, sync, async and streaming, against one platform."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.environments import ENVIRONMENTS
from tests.framework_env import told_by
from tests.platforms import RealPlatform

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(300)
BEST = [["red", "green"], ["green", "blue"], ["blue", "green"]]  # of each image


@pytest.fixture(scope="module")
def got(triton: RealPlatform) -> dict[str, Any]:
    """What the client got, by what it tried; of a refusal its words, behind the name of what was raised."""
    lines = told_by(ENVIRONMENTS["tritonclient"], HERE / "asks_tritonclient.py", triton.url, triton.key)
    return {line["what"]: line["got"] if "got" in line else f"{line['refused']}: {line['words']}" for line in lines}


@pytest.mark.parametrize("model", ["colours", "colours_nhwc"])
@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_image_clients_are_told_classes_by_name(got: dict[str, Any], wire: str, model: str) -> None:
    ways = ["one by one", "two at a time", "together", *(["streamed"] if wire == "grpc" else [])]
    for way in ways:
        assert got[f"{wire} {model}, {way}"] == BEST, way
    refused = got[f"{wire} {model}, too many"]
    assert f"inference request batch-size must be <= 4 for '{model}', not 5" in refused, refused
