"""TensorFlow, from training to answers over every wire."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bms.core.formats.example_codec import encode_example
from tests.contract.runtimes.cases.tensorflow import FRAMEWORK
from tests.framework_env import told_by
from tests.frameworks.agreement import answers_alike, asked, deploy, newest, serves_alike
from tests.frameworks.held_out import classifies_alike
from tests.frameworks.several import Several, several
from tests.worlds.platforms import RealPlatform

CLIENT = ("tensorflow-serving-api==2.21.0", "grpcio", "numpy")
ASKS = Path(__file__).parents[1] / "clients" / "tfserving"

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


@pytest.fixture(scope="module")
def others(request: pytest.FixtureRequest, made: Path) -> Iterator[Several]:
    names = ("module", "numbered", "examples", "dropping")
    with several(request, {name: made / name / "model" for name in names}, FRAMEWORK.environment) as answering:
        yield answering


def test_what_keras_exports_is_pushed_with_nothing_else_said(platform: RealPlatform, made: Path) -> None:
    expected = made / "exported" / "expected.npz"
    version = serves_alike(platform, made / "exported" / "model", expected, name="exported")
    assert (version.runtime, version.format) == ("tensorflow", "saved_model")
    assert version.environment.requirements == ("tensorflow-cpu",)
    assert version.signatures["serving_default"].scores == "probabilities"
    classifies_alike(platform, "exported", expected, "pixels", "probabilities")


def test_a_module_is_called_by_each_of_its_signatures(others: Several, made: Path) -> None:
    signatures = others.alike("module", made / "module" / "expected.npz").signatures
    names = {"name": np.array([b"nine", b"nobody", b"zero"]), "number": np.array([9, -1, 0])}
    answers_alike(others, signatures, names, name="module", signature="number")
    classifies_alike(others, "module", made / "module" / "expected.npz", "x", "scores")


def test_a_folder_of_tensorflow_serving_is_pushed_as_it_is(platform: RealPlatform, others: Several, made: Path) -> None:
    assert others.alike("numbered", made / "numbered" / "expected.npz").runtime == "tensorflow"
    assert deploy(platform, made / "several", "several").status != 0
    assert "the newest is '00000010'" in newest(platform, "several").reason


def test_examples_are_classified_and_regressed_by_rest_and_by_the_client_of_tensorflow_serving(
    others: Several,
) -> None:
    def results(verb: str, *examples: dict[str, object]) -> Any:
        status, told = asked(others, f"/v1/models/examples:{verb}", {"examples": examples})
        assert status == 200, told
        return told["results"]

    (one, other) = results("classify", {"length": 0}, {"length": -1, "tags": ["a"]})
    assert one == [["long", 0.5], ["short", 0.5]]
    assert [name for name, _ in other] == ["long", "short"]
    assert [score for _, score in other] == pytest.approx([0.119203, 0.880797], rel=1e-4)
    given = {"length": 2, "count": 1, "pair": [0, 0.5], "tags": ["aa", {"b64": "AAEC"}]}
    assert results("regress", {"length": 1}, given) == [110.0, 206.5]
    raw = base64.b64encode(encode_example({"length": np.array([1], np.float32)})).decode()
    assert results("regress", {"inputs": {"b64": raw}}) == [110.0]

    target = others.url.removeprefix("http://")
    lines = told_by(CLIENT, ASKS / "asks_examples.py", target, others.key, "examples")
    told = {line["what"]: line["got"] if "got" in line else (line["refused"], line["words"]) for line in lines}
    status, words = told.pop("a feature is missing")
    assert status == "INVALID_ARGUMENT"
    assert "length" in words
    assert told == {
        "classify": [[["long", 0.5], ["short", 0.5]]] * 2,
        "regress": [104, 206.5],
        "predict": {"classes": [["long", "short"]] * 2, "scores": [[0.5, 0.5]] * 2},
        "multi": {"serving_default": "classification_result", "value": "regression_result"},
        "no examples": ("INVALID_ARGUMENT", "Input is empty."),
    }


def test_examples_that_are_not_each_answered_are_refused(others: Several) -> None:
    body = {"examples": [{"x": 1}, {"x": -1}, {"x": 2}]}
    status, told = asked(others, "/v1/models/dropping:regress", body)
    assert (status, "2 answers for 3 examples" in told["error"]) == (400, True)
    body = {"examples": [{"x": 1}, {"x": 2}]}
    assert asked(others, "/v1/models/dropping:regress", body) == (200, {"results": [1.0, 2.0]})


@pytest.mark.long
def test_a_number_of_dimensions_is_asked_for_and_taken_as_the_advice_says(platform: RealPlatform, made: Path) -> None:
    assert deploy(platform, made / "unranked" / "model", "unranked").status != 0
    assert "--input 'x FP32 [-1, 64]'" in newest(platform, "unranked").reason
    assert deploy(platform, made / "unranked" / "model", "unranked", ["--input", "x FP32 [-1, 64]"]).status == 0
    version = newest(platform, "unranked")
    rows = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64)
    answers_alike(
        platform, version.signatures, {"x": rows, "y": rows * 2}, name="unranked", signature="serving_default"
    )


def test_a_graph_that_reads_files_is_refused_with_its_operation(platform: RealPlatform, made: Path) -> None:
    refused = deploy(platform, made / "refused" / "read_file", "reader")
    assert refused.status != 0
    version = newest(platform, "reader")
    assert version.state == "rejected"
    assert "ReadFile" in version.reason
