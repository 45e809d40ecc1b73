"""LightGBM, from training to answers over every wire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.runtimes.cases_lightgbm import FRAMEWORK
from tests.frameworks.agreement import framework_platform, serves_alike
from tests.whole_platform import WholePlatform

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with framework_platform(tmp_path_factory.mktemp("lightgbm")) as running:
        yield running


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_a_classifier_answers_as_the_booster(platform: WholePlatform, made: Path) -> None:
    version = serves_alike(platform, made / "digits" / "model", made / "digits" / "expected.npz", name="digits")
    assert (version.runtime, version.format) == ("lightgbm", "lightgbm")
    assert version.environment.requirements == ("lightgbm",)
    assert version.signatures["serving_default"].method == "classify"


def test_a_single_file_of_a_regression_answers_as_the_booster(platform: WholePlatform, made: Path) -> None:
    artifact = made / "sum" / "model" / "model.txt"
    version = serves_alike(platform, artifact, made / "sum" / "expected.npz", name="sum")
    assert version.signatures["serving_default"].method == "regress"
