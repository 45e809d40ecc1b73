"""PyTorch, from training to answers over every wire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.runtimes.cases_torch import FRAMEWORK
from tests.frameworks.agreement import deploy, framework_platform, newest, serves_alike
from tests.frameworks.held_out import classifies_alike
from tests.whole_platform import WholePlatform

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with framework_platform(tmp_path_factory.mktemp("torch")) as running:
        yield running


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_an_exported_program_is_pushed_with_nothing_else_said(platform: WholePlatform, made: Path) -> None:
    expected = made / "export" / "expected.npz"
    version = serves_alike(platform, made / "export" / "model" / "model.pt2", expected, name="export")
    assert (version.runtime, version.format) == ("torch-export", "pt2")
    assert version.environment.requirements == ("torch==2.13.0", "safetensors")
    assert version.signatures["serving_default"].scores == "probabilities"
    classifies_alike(platform, "export", expected, "x", "probabilities")


def test_torchscript_is_asked_for_its_shapes_in_words(platform: WholePlatform, made: Path) -> None:
    artifact, expected = made / "script" / "model" / "model.pt", made / "script" / "expected.npz"
    refused = deploy(platform, artifact, "script")
    assert refused.status != 0
    assert "what its forward takes (x)" in " ".join(newest(platform, "script").reason.split())
    version = serves_alike(platform, artifact, expected, name="script", options=["--input", "x FP32 [-1, 64]"])
    assert (version.runtime, version.format) == ("torchscript", "torchscript")
    classifies_alike(platform, "script", expected, "x", "probabilities")


def test_code_and_weights_say_in_the_artifact_what_they_take(platform: WholePlatform, made: Path) -> None:
    expected = made / "code" / "expected.npz"
    version = serves_alike(platform, made / "code" / "model", expected, name="code")
    assert (version.runtime, version.format) == ("torch", "safetensors")
    classifies_alike(platform, "code", expected, "x", "probabilities")


def test_a_pickle_is_refused_with_the_way_to_export_it(platform: WholePlatform, made: Path) -> None:
    refused = deploy(platform, made / "refused" / "state" / "model.pt", "state", ["--allow-pickle"])
    assert refused.status != 0
    version = newest(platform, "state")
    assert version.state == "rejected"
    assert "torch.export.save" in version.reason
    assert version.environment.requirements == ()
