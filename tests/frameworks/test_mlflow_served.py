"""MLflow, from training to answers over every wire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.runtimes.cases_mlflow import FRAMEWORK
from tests.frameworks.agreement import deploy, deployed, framework_platform, newest, predicted, serves_alike
from tests.whole_platform import WholePlatform

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with framework_platform(tmp_path_factory.mktemp("mlflow")) as running:
        yield running


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_columns_of_a_scikit_learn_pipeline_answer_as_the_pipeline(platform: WholePlatform, made: Path) -> None:
    version = serves_alike(platform, made / "sklearn" / "model", made / "sklearn" / "expected.npz", name="wine")
    assert (version.runtime, version.format) == ("mlflow", "mlflow-skops")
    assert len(version.signatures["serving_default"].inputs) == 13


def test_tensors_of_an_xgboost_classifier_answer_as_the_classifier(platform: WholePlatform, made: Path) -> None:
    made = made / "xgboost_classifier"
    version = serves_alike(platform, made / "model", made / "expected.npz", name="boosted")
    assert version.format == "mlflow-xgboost-ubj"
    assert version.environment.requirements == ("xgboost-cpu==3.2.0",)


def test_columns_are_joined_by_name_over_every_wire(platform: WholePlatform, made: Path) -> None:
    made = made / "order_lightgbm"
    version = serves_alike(platform, made / "model", made / "expected.npz", name="ordered")
    assert [spec.name for spec in version.signatures["serving_default"].inputs] == ["age", "income"]


def test_a_row_without_an_optional_column_answers_as_mlflow(platform: WholePlatform, made: Path) -> None:
    deployed(platform, made / "optional" / "model", "optional", ["--allow-pickle"])
    told = predicted(platform, "optional", {"dataframe_records": [{"a": 1.0}]})
    assert told == {"predictions": [101.0]}


def test_python_functions_answer_where_pickles_are_allowed(platform: WholePlatform, made: Path) -> None:
    artifact = made / "pyfunc" / "model"
    refused = deploy(platform, artifact, "sums")
    assert refused.status != 0
    assert "allow pickles for this version" in refused.errors
    assert newest(platform, "sums").state == "rejected"
    expected = made / "pyfunc" / "expected.npz"
    version = serves_alike(platform, artifact, expected, name="sums", options=["--allow-pickle"])
    assert version.format == "mlflow-pyfunc"
