"""Keras, from training to answers over every wire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.runtimes import cases_tensorflow
from tests.contract.runtimes.cases_keras import FRAMEWORK
from tests.frameworks.agreement import deploy, framework_platform, newest, serves_alike
from tests.frameworks.held_out import classifies_alike
from tests.whole_platform import WholePlatform

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with framework_platform(tmp_path_factory.mktemp("keras")) as running:
        yield running


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


@pytest.mark.parametrize(
    ("name", "file", "format"), [("sequential", "model.keras", "keras"), ("legacy", "model.h5", "keras-h5")]
)
def test_a_file_is_pushed_with_nothing_else_said(
    platform: WholePlatform, made: Path, name: str, file: str, format: str
) -> None:
    expected = made / name / "expected.npz"
    version = serves_alike(platform, made / name / "model" / file, expected, name=name)
    assert (version.runtime, version.format) == ("keras", format)
    assert version.environment.requirements == ("keras>=3.12", "torch==2.13.0")
    assert version.signatures["serving_default"].method == "classify"
    classifies_alike(platform, name, expected, "pixels", "digit")


def test_several_inputs_and_outputs_keep_their_names(platform: WholePlatform, made: Path) -> None:
    serves_alike(platform, made / "functional" / "model", made / "functional" / "expected.npz", name="functional")


@pytest.mark.parametrize("name", ["masked", "lengths", "computed"])
def test_operations_between_layers_and_bare_outputs_are_served(platform: WholePlatform, made: Path, name: str) -> None:
    serves_alike(platform, made / name / "model" / "model.keras", made / name / "expected.npz", name=name)


def test_a_model_that_tensorflow_trained_is_computed_alike_by_pytorch(platform: WholePlatform) -> None:
    folder = cases_tensorflow.FRAMEWORK.artifacts() / "keras"
    options = {"name": "trained-by-tensorflow", "rtol": 1e-4, "atol": 1e-5}
    serves_alike(platform, folder / "model" / "model.keras", folder / "expected.npz", **options)  # type: ignore[arg-type]
    classifies_alike(platform, "trained-by-tensorflow", folder / "expected.npz", "pixels", "probabilities")


def test_a_lambda_layer_is_refused_with_the_way_out(platform: WholePlatform, made: Path) -> None:
    refused = deploy(platform, made / "refused" / "lambda" / "model.keras", "lambda", ["--allow-pickle"])
    assert refused.status != 0
    version = newest(platform, "lambda")
    assert version.state == "rejected"
    assert "model.export('folder')" in version.reason


def test_why_a_model_does_not_load_is_told_whole_where_its_maker_looks(platform: WholePlatform, made: Path) -> None:
    refused = deploy(platform, made / "refused" / "own_function" / "model.keras", "function")
    told = refused.errors + refused.out
    assert refused.status != 0
    assert "TypeError: Could not locate function 'halved'. Make sure custom classes and functions are decorated" in told
    assert "export a SavedModel with model.export('folder')" in told
    assert "/trees/" not in told
