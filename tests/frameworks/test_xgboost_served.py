"""XGBoost, from training to answers over every wire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.runtimes.cases.xgboost import FRAMEWORK
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
        "odd": made / "odd" / "model" / "model.json",
        "mixed": made / "mixed" / "model",
        "labels": made / "named_labels" / "model",
    }
    with several(request, artifacts, FRAMEWORK.environment) as answering:
        yield answering


def test_a_classifier_in_ubjson_answers_as_the_booster(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "digits" / "model", made / "digits" / "expected.npz", name="digits")
    assert (version.runtime, version.format) == ("xgboost", "xgboost-ubj")
    assert version.environment.requirements == ("xgboost-cpu",)
    signature = version.signatures["serving_default"]
    assert (signature.method, signature.labels) == ("classify", ())


def test_a_single_file_in_json_answers_as_the_booster(others: Several, made: Path) -> None:
    version = others.alike("odd", made / "odd" / "expected.npz")
    assert version.format == "xgboost-json"


def test_a_frame_with_categories_answers_as_the_booster_without_pandas(others: Several, made: Path) -> None:
    version = others.alike("mixed", made / "mixed" / "expected.npz")
    assert version.requirements == ("xgboost-cpu",)


def test_several_labels_of_named_features_answer_as_the_booster(others: Several, made: Path) -> None:
    version = others.alike("labels", made / "named_labels" / "expected.npz")
    signature = version.signatures["serving_default"]
    assert [spec.name for spec in signature.inputs] == ["left", "upper half", "right", "x"]
    assert {spec.name: spec.shape for spec in signature.outputs} == {"probabilities": (None, 2), "label": (None, 2)}


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        *("best", "dart", "linear", "softmax", "sum", "targets", "several", "hinge", "margin", "quantiles"),
        *("one_tree", "counts", "numbers", "named_targets", "named_tree", "ranks", "survival"),
    ],
)
def test_every_other_objective_answers_as_the_booster(platform: RealPlatform, made: Path, name: str) -> None:
    deployment = name.replace("_", "-")
    serves_alike(platform, made / name / "model", made / name / "expected.npz", name=f"all-{deployment}")
