"""OpenVINO, from training to answers over every wire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.runtimes.cases.openvino import FRAMEWORK
from tests.frameworks.agreement import serves_alike
from tests.frameworks.several import Several, several
from tests.worlds.platforms import RealPlatform

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_an_ir_answers_as_openvino(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "digits" / "model", made / "digits" / "expected.npz", name="digits")
    assert (version.runtime, version.format) == ("openvino", "openvino")
    assert version.environment.requirements == ("openvino",)


@pytest.fixture(scope="module")
def others(request: pytest.FixtureRequest, made: Path) -> Iterator[Several]:
    with several(request, {"two": made / "two" / "model"}, FRAMEWORK.environment) as answering:
        yield answering


def test_two_inputs_of_two_types_answer_as_openvino(others: Several, made: Path) -> None:
    version = others.alike("two", made / "two" / "expected.npz")
    assert [spec.dtype for spec in version.signatures["serving_default"].inputs] == ["INT64", "FP32"]
