"""MXNet, from training to answers over every wire."""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases.mxnet import FRAMEWORK
from tests.frameworks.agreement import deploy, newest, serves_alike
from tests.frameworks.held_out import classifies_alike
from tests.worlds.platforms import RealPlatform

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_a_symbol_that_tells_its_shape_is_pushed_with_nothing_else_said(platform: RealPlatform, made: Path) -> None:
    expected = made / "module" / "expected.npz"
    version = serves_alike(platform, made / "module" / "model", expected, name="module")
    assert (version.runtime, version.format) == ("mxnet", "mxnet-symbol")
    assert version.environment.requirements == ("mxnet==1.9.1", "numpy==1.23.5")
    assert version.environment.python == "3.11"
    assert version.signatures["serving_default"].method == "classify"
    classifies_alike(platform, "module", expected, "data", "softmax_output")


def test_one_that_does_not_is_asked_for_it_in_words(platform: RealPlatform, made: Path) -> None:
    artifact, expected = made / "gluon" / "model", made / "gluon" / "expected.npz"
    refused = deploy(platform, artifact, "gluon")
    assert refused.status != 0
    assert "--input" in refused.errors
    assert "data" in newest(platform, "gluon").reason
    version = serves_alike(platform, artifact, expected, name="gluon", options=["--input", "data FP32 [-1, 64]"])
    classifies_alike(platform, "gluon", expected, "data", version.signatures["serving_default"].outputs[0].name)
