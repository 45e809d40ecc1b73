"""MLflow, from training to answers over every wire."""

import math
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.table import keep
from tests.contract.runtimes.cases.mlflow import FRAMEWORK
from tests.framework_env import framework_python, told_by
from tests.frameworks.agreement import deploy, newest, predicted, serves_alike
from tests.frameworks.several import Several, several
from tests.pages import block_of, commands_of, ran
from tests.worlds.platforms import RealPlatform

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


SAFE = ("sklearn", "lightgbm", "lightgbm_classifier", "xgboost_classifier", "onnx", "order_lightgbm")
CODE = (
    *("optional", "dates", "hinted", "maps", "messages", "framed", "nested", "parameters", "told", "turns"),
    *("tensors", "statsmodels"),
)


@pytest.fixture(scope="module")
def others(request: pytest.FixtureRequest, made: Path) -> Iterator[Several]:
    artifacts = {name: made / name / "model" for name in (*SAFE, *CODE)}
    with several(request, artifacts, FRAMEWORK.environment, CODE) as answering:
        yield answering


def test_columns_of_a_scikit_learn_pipeline_answer_as_the_pipeline(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "sklearn" / "model", made / "sklearn" / "expected.npz", name="wine")
    assert (version.runtime, version.format) == ("mlflow", "mlflow-skops")
    assert len(version.signatures["serving_default"].inputs) == 13


def test_tensors_of_an_xgboost_classifier_answer_as_the_classifier(others: Several, made: Path) -> None:
    version = others.alike("xgboost_classifier", made / "xgboost_classifier" / "expected.npz")
    assert version.format == "mlflow-xgboost-ubj"
    assert version.requirements == ("xgboost-cpu==3.2.0",)


def test_columns_are_joined_by_name_over_every_wire(others: Several, made: Path) -> None:
    version = others.alike("order_lightgbm", made / "order_lightgbm" / "expected.npz")
    assert [spec.name for spec in version.signatures["serving_default"].inputs] == ["age", "income"]


def test_a_row_without_an_optional_column_answers_as_mlflow(others: Several) -> None:
    told = predicted(others, "optional", {"dataframe_records": [{"a": 1.0}]})
    assert told == {"predictions": [101.0]}


def test_python_functions_answer_where_pickles_are_allowed(platform: RealPlatform, made: Path) -> None:
    artifact = made / "pyfunc" / "model"
    refused = deploy(platform, artifact, "sums")
    assert refused.status != 0
    assert "allow pickles for this version" in refused.errors
    assert newest(platform, "sums").state == "rejected"
    expected = made / "pyfunc" / "expected.npz"
    version = serves_alike(platform, artifact, expected, name="sums", options=["--allow-pickle"])
    assert version.format == "mlflow-pyfunc"


@pytest.fixture(scope="module")
def asked(others: Several, made: Path) -> list[dict[str, Any]]:
    """What MLflow's clients were told, and what MLflow's own server says to the same."""
    script = Path(__file__).with_name("asks_mlflow.py")
    lines = told_by(FRAMEWORK.environment, script, others.url, others.key, str(made))
    keep("mlflow", FRAMEWORK.environment[0].replace("==", " "), lines)
    return lines


def alike(got: object, wanted: object) -> bool:
    """Numbers within single precision, NaN like NaN; all else exactly."""
    if isinstance(got, dict) and isinstance(wanted, dict):
        return got.keys() == wanted.keys() and all(alike(got[key], wanted[key]) for key in got)
    if isinstance(got, list) and isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(alike, got, wanted))
    if isinstance(got, float) and isinstance(wanted, int | float):
        return math.isclose(got, wanted, rel_tol=1e-5, abs_tol=1e-6) or (math.isnan(got) and math.isnan(wanted))
    return got == wanted


@pytest.mark.heavy
@pytest.mark.timeout(1800)  # in `make test-all` eighteen deployments come first
def test_mlflows_clients_get_what_mlflows_own_server_says(asked: list[dict[str, Any]]) -> None:
    pairs = [one for one in asked if not one["what"].startswith(("refused", "left out"))]
    assert len(pairs) > 30
    assert [one for one in pairs if not alike(one["got"], one["wanted"])] == []


@pytest.mark.heavy
@pytest.mark.timeout(1800)  # in `make test-all` eighteen deployments come first
def test_what_mlflows_own_server_refuses_is_refused_in_its_form(asked: list[dict[str, Any]]) -> None:
    refused = {one["what"].removeprefix("refused: "): one for one in asked if one["what"].startswith("refused")}
    assert len(refused) == 11
    for what, one in refused.items():
        status, told = one["got"]
        assert told.keys() == {"error_code", "message"}, what
        assert [status] == one["wanted"], (what, told)
    said = {what: one["got"][1]["message"] for what, one in refused.items()}
    assert "a body with 'messages' is one for models that chat" in said["sklearn 2"]
    assert said["told 0"] == "parameter 'by' is 'far', expected a number"
    assert "'yesterday' is no date-time of ISO 8601" in said["dates 0"]
    assert "the columns are 'n', 'u', and this model takes 'n', 't'" in said["tensors 0"]


@pytest.mark.heavy
@pytest.mark.timeout(1800)  # in `make test-all` eighteen deployments come first
def test_parameters_that_mlflows_own_server_leaves_out_are_refused(asked: list[dict[str, Any]]) -> None:
    left = {one["what"].removeprefix("left out: "): one for one in asked if one["what"].startswith("left out")}
    assert {what: one["wanted"] for what, one in left.items()} == {"told": 200, "sklearn": 200}
    assert [one["got"][0] for one in left.values()] == [400, 400]
    assert left["told"]["got"][1] == {
        "error_code": "BAD_REQUEST",
        "message": "unknown parameter 'speed': this model takes 'bold' boolean (default true), 'by' number (default "
        "0.5), 'few' integer[] (default [1,2]), 'how' object (default {\"deep\":1}), 'times' integer (default 3), "
        "'when' datetime (default \"2026-01-31T12:00:00\"), 'word' text (default \"so\")",
    }
    assert left["sklearn"]["got"][1]["message"] == "unknown parameter 'speed': this model takes no parameters"


@pytest.mark.heavy
def test_the_page_of_mlflow_does_what_it_says(platform: RealPlatform, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(block_of("mlflow", "train"))
    off = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    python = str(framework_python(FRAMEWORK.environment))
    trained = subprocess.run(
        [python, "train.py"], cwd=tmp_path, env=off, capture_output=True, text=True, timeout=200, check=False
    )
    assert trained.returncode == 0, trained.stderr[-3000:]
    told = ran(commands_of("mlflow", 1), platform, tmp_path)
    for line in (
        '{"predictions":["GOOD!","DAY!"]}',
        '{"predictions":["GOOD!!!"]}',
        '{"predictions":["GOOD!"]}',
        "3.17.2",
        "GOOD???",
    ):
        assert line in told, told
