"""LightGBM, from training to answers over every wire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.runtimes.cases.lightgbm import FRAMEWORK
from tests.frameworks.agreement import serves_alike
from tests.frameworks.several import Several, several
from tests.worlds.platforms import RealPlatform

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


@pytest.fixture(scope="module")
def others(request: pytest.FixtureRequest, made: Path) -> Iterator[Several]:
    artifacts = {
        "sum": made / "sum" / "model" / "model.txt",
        "numbers": made / "numbers" / "model",
        "mixed": made / "mixed" / "model",
    }
    with several(request, artifacts, FRAMEWORK.environment) as answering:
        yield answering


def test_a_classifier_answers_as_the_booster(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "digits" / "model", made / "digits" / "expected.npz", name="digits")
    assert (version.runtime, version.format) == ("lightgbm", "lightgbm")
    assert version.environment.requirements == ("lightgbm",)
    assert version.signatures["serving_default"].method == "classify"


def test_a_single_file_of_a_regression_answers_as_the_booster(others: Several, made: Path) -> None:
    version = others.alike("sum", made / "sum" / "expected.npz")
    assert version.signatures["serving_default"].method == "regress"


def test_a_frame_of_numbers_answers_as_the_booster_without_losing_digits(others: Several, made: Path) -> None:
    version = others.alike("numbers", made / "numbers" / "expected.npz", rtol=1e-9, atol=1e-9)
    assert [spec.dtype for spec in version.signatures["serving_default"].inputs] == ["FP64"] * 3


def test_a_frame_with_categories_answers_as_the_booster_without_pandas(others: Several, made: Path) -> None:
    version = others.alike("mixed", made / "mixed" / "expected.npz", rtol=1e-9, atol=1e-9)
    assert version.requirements == ("lightgbm",)
