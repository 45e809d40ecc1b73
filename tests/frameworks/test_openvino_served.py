"""OpenVINO, from training to answers over every wire."""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases_openvino import FRAMEWORK
from tests.frameworks.agreement import serves_alike
from tests.platforms import RealPlatform

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_an_ir_answers_as_openvino(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "digits" / "model", made / "digits" / "expected.npz", name="digits")
    assert (version.runtime, version.format) == ("openvino", "openvino")
    assert version.environment.requirements == ("openvino",)


def test_two_inputs_of_two_types_answer_as_openvino(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "two" / "model", made / "two" / "expected.npz", name="two")
    assert [spec.dtype for spec in version.signatures["serving_default"].inputs] == ["INT64", "FP32"]
