"""CatBoost, from training to answers over every wire: its own files, and its exports to ONNX."""

from pathlib import Path

import pytest

from tests.contract.runtimes.cases.catboost import FRAMEWORK
from tests.frameworks.agreement import asked, deploy, newest, serves_alike
from tests.worlds.platforms import RealPlatform

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_categories_and_texts_are_columns_by_name_and_a_missing_category_is_told(
    platform: RealPlatform, made: Path
) -> None:
    file = made / "mixed" / "model" / "model.cbm"
    version = serves_alike(platform, file, made / "mixed" / "expected.npz", name="mixed")
    assert (version.runtime, version.format) == ("catboost", "catboost")
    assert version.environment.requirements == ("catboost",)
    assert version.signatures["serving_default"].labels == ("ja", "nein")
    row = {"z": 0.5, "city": "Köln", "size": "11", "member": "1", "said": "a good day"}
    status, told = asked(platform, "/v1/models/mixed:predict", {"instances": [row]})
    assert (status, told["predictions"][0]["label"]) == (200, "ja"), told
    status, told = asked(platform, "/v1/models/mixed:predict", {"instances": [{**row, "city": None}]})
    assert status == 400
    assert "column 'city', row 0: there is no value" in told["error"]


def test_an_onnx_export_is_served_in_the_shape_that_it_has_not_the_one_that_it_says(
    platform: RealPlatform, made: Path
) -> None:
    """CatBoost writes [N] into the graph and gives [N, 1]."""
    folder = made / "onnx" / "sum"
    version = serves_alike(platform, folder / "model", folder / "expected.npz", name="onnx-sum")
    assert (version.runtime, version.environment.requirements) == ("onnx", ())
    assert [len(spec.shape) for spec in version.signatures["serving_default"].outputs] == [2]


@pytest.mark.long
def test_an_onnx_classifiers_maps_are_columns_with_the_names_of_classes(platform: RealPlatform, made: Path) -> None:
    folder = made / "onnx" / "words"
    version = serves_alike(platform, folder / "model" / "model.onnx", folder / "expected.npz", name="onnx-words")
    assert version.signatures["serving_default"].labels == ("drei", "keine")


@pytest.mark.parametrize("name", ["several", pytest.param("apart", marks=pytest.mark.long)])
def test_an_onnx_export_that_answers_otherwise_than_catboost_is_refused(
    platform: RealPlatform, made: Path, name: str
) -> None:
    refused = deploy(platform, made / "onnx" / name / "model", f"onnx-{name}")
    assert refused.status != 0
    assert (
        "of which its ONNX export makes shares of one: push the model itself" in newest(platform, f"onnx-{name}").reason
    )


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        *("digits", "json", "odd", "words", "apart", "several", "shares", "sum", "counts", "spread", "targets"),
        *("quantiles", "ranks", "numbers", "hashed", "onnx/odd", "onnx/digits"),
    ],
)
def test_every_other_model_answers_as_its_estimator(platform: RealPlatform, made: Path, name: str) -> None:
    deployment = name.replace("/", "-")
    serves_alike(platform, made / name / "model", made / name / "expected.npz", name=f"all-{deployment}")
