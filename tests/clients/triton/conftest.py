"""One platform for Triton's clients: the models that their examples ask, made here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny_onnx import brightest
from tests.worlds.platforms import RealPlatform, real_platform

MODELS = Path(__file__).parent / "models"
LABELS = ("red", "green", "blue")


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPlatform]:
    folder = tmp_path_factory.mktemp("triton")
    (folder / "colours_nhwc.onnx").write_bytes(brightest(4, 6))
    with real_platform(folder / "home", "--gateways", "2") as platform:
        for model in sorted(MODELS.iterdir()):
            platform.good("deploy", str(model))
        said = ("--max-batch-size", "4", "--format", "x=NHWC", *(f"--label={label}" for label in LABELS))
        platform.good("deploy", str(folder / "colours_nhwc.onnx"), *said)
        encoded = ("--image", "input=x,mode=RGB,height=4,width=6,layout=HWC,scale=1", "--name", "ensemble")
        platform.good("deploy", str(folder / "colours_nhwc.onnx"), *said, *encoded)
        platform.good("deploy", "simple_sequence", "--name", "held", "--replicas", "2")
        yield platform
