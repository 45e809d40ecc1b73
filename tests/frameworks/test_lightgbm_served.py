"""LightGBM, from training to answers over every wire."""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases_lightgbm import FRAMEWORK
from tests.frameworks.agreement import serves_alike
from tests.platforms import RealPlatform

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_a_classifier_answers_as_the_booster(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "digits" / "model", made / "digits" / "expected.npz", name="digits")
    assert (version.runtime, version.format) == ("lightgbm", "lightgbm")
    assert version.environment.requirements == ("lightgbm",)
    assert version.signatures["serving_default"].method == "classify"


def test_a_single_file_of_a_regression_answers_as_the_booster(platform: RealPlatform, made: Path) -> None:
    artifact = made / "sum" / "model" / "model.txt"
    version = serves_alike(platform, artifact, made / "sum" / "expected.npz", name="sum")
    assert version.signatures["serving_default"].method == "regress"


def test_a_frame_of_numbers_answers_as_the_booster_without_losing_digits(platform: RealPlatform, made: Path) -> None:
    made = made / "numbers"
    version = serves_alike(platform, made / "model", made / "expected.npz", name="numbers", rtol=1e-9, atol=1e-9)
    assert [spec.dtype for spec in version.signatures["serving_default"].inputs] == ["FP64"] * 3


def test_a_frame_with_categories_answers_as_the_booster_without_pandas(platform: RealPlatform, made: Path) -> None:
    made = made / "mixed"
    version = serves_alike(platform, made / "model", made / "expected.npz", name="mixed", rtol=1e-9, atol=1e-9)
    assert version.environment.requirements == ("lightgbm",)
