"""PyTorch, from training to answers over every wire."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.contract.runtimes.cases.torch import FRAMEWORK
from tests.framework_env import framework_python
from tests.frameworks.agreement import answers_alike, deploy, deployed, newest, serves_alike
from tests.frameworks.held_out import classifies_alike
from tests.worlds.platforms import RealPlatform

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_an_exported_program_is_pushed_with_nothing_else_said(platform: RealPlatform, made: Path) -> None:
    expected = made / "export" / "expected.npz"
    version = serves_alike(platform, made / "export" / "model" / "model.pt2", expected, name="export")
    assert (version.runtime, version.format) == ("torch-export", "pt2")
    assert version.environment.requirements == ("torch==2.13.0", "safetensors")
    assert version.signatures["serving_default"].scores == "probabilities"
    classifies_alike(platform, "export", expected, "x", "probabilities")


def test_torchscript_is_asked_for_its_shapes_in_words(platform: RealPlatform, made: Path) -> None:
    artifact, expected = made / "script" / "model" / "model.pt", made / "script" / "expected.npz"
    refused = deploy(platform, artifact, "script")
    assert refused.status != 0
    version = newest(platform, "script")
    assert "what its forward takes (x)" in " ".join(version.reason.split())
    assert version.environment.requirements == ()  # none was built to say it
    unfit = deploy(platform, artifact, "script", ["--input", "rows FP32 [-1, 64]"])
    assert unfit.status != 0
    assert "lacks the model's input 'x'" in newest(platform, "script").reason
    version = serves_alike(platform, artifact, expected, name="script", options=["--input", "x FP32 [-1, 64]"])
    assert (version.runtime, version.format) == ("torchscript", "torchscript")
    classifies_alike(platform, "script", expected, "x", "probabilities")


def test_code_and_weights_say_in_the_artifact_what_they_take(platform: RealPlatform, made: Path) -> None:
    expected = made / "code" / "expected.npz"
    version = serves_alike(platform, made / "code" / "model", expected, name="code")
    assert (version.runtime, version.format) == ("torch", "safetensors")
    classifies_alike(platform, "code", expected, "x", "probabilities")


@pytest.mark.parametrize(
    "file", ["Digits.pth", *(pytest.param(name, marks=pytest.mark.long) for name in ("Words.pth", "Pictures.pth.tar"))]
)
def test_a_pickle_is_refused_with_code_whose_program_is_served_with_a_free_batch(
    platform: RealPlatform, made: Path, tmp_path: Path, file: str
) -> None:
    """A whole module, weights, and a checkpoint: the code that is printed runs as it is."""
    kind = file.partition(".")[0]
    refused = deploy(platform, made / "saved" / file, kind.lower(), ["--allow-pickle"])
    assert refused.status != 0
    version = newest(platform, kind.lower())
    assert (version.state, version.environment.requirements) == ("rejected", ())
    printed = [line.removeprefix("    ") for line in refused.errors.splitlines() if line.startswith("    ")]
    assert printed == [line.removeprefix("    ") for line in version.reason.splitlines() if line.startswith("    ")]
    shutil.copy(made / "saved" / file, tmp_path)
    before = "" if kind == "Digits" else f"import nets\nmodel = nets.{kind}()\n"
    command = [framework_python(FRAMEWORK.environment), "-c", before + "\n".join(printed)]
    environment = {**os.environ, "PYTHONPATH": str(made / "saved")}
    subprocess.run(command, cwd=tmp_path, env=environment, timeout=120, check=True)
    version = deployed(platform, tmp_path / "model.pt2", kind.lower())
    signature = version.signatures["serving_default"]
    assert (signature.batched, signature.inputs[0].shape[0]) == (True, None)
    with np.load(made / "saved" / f"{kind}.npz") as arrays:
        expected = {signature.inputs[0].name: arrays["rows"][:2], signature.outputs[0].name: arrays["output"][:2]}
    answers_alike(platform, version.signatures, expected, name=kind.lower(), rtol=1e-4, atol=1e-5)
