"""TensorFlow, from training to answers over every wire."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.contract.runtimes.cases_tensorflow import FRAMEWORK
from tests.frameworks.agreement import answers_alike, deploy, framework_platform, newest, serves_alike
from tests.frameworks.held_out import classifies_alike
from tests.whole_platform import WholePlatform

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with framework_platform(tmp_path_factory.mktemp("tensorflow")) as running:
        yield running


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_what_keras_exports_is_pushed_with_nothing_else_said(platform: WholePlatform, made: Path) -> None:
    expected = made / "exported" / "expected.npz"
    version = serves_alike(platform, made / "exported" / "model", expected, name="exported")
    assert (version.runtime, version.format) == ("tensorflow", "saved_model")
    assert version.environment.requirements == ("tensorflow-cpu",)
    assert version.signatures["serving_default"].scores == "probabilities"
    classifies_alike(platform, "exported", expected, "pixels", "probabilities")


def test_a_module_is_called_by_each_of_its_signatures(platform: WholePlatform, made: Path) -> None:
    version = serves_alike(platform, made / "module" / "model", made / "module" / "expected.npz", name="module")
    names = {"name": np.array([b"nine", b"nobody", b"zero"]), "number": np.array([9, -1, 0])}
    answers_alike(platform, version, names, name="module", signature="number")
    classifies_alike(platform, "module", made / "module" / "expected.npz", "x", "scores")


def test_a_folder_of_tensorflow_serving_is_pushed_as_it_is(platform: WholePlatform, made: Path) -> None:
    version = serves_alike(platform, made / "numbered" / "model", made / "numbered" / "expected.npz", name="numbered")
    assert version.runtime == "tensorflow"
    assert deploy(platform, made / "several", "several").status != 0
    assert "the newest is '00000010'" in newest(platform, "several").reason


def test_a_number_of_dimensions_is_asked_for_and_taken_as_the_advice_says(platform: WholePlatform, made: Path) -> None:
    assert deploy(platform, made / "unranked" / "model", "unranked").status != 0
    assert "--input 'x FP32 [-1, 64]'" in newest(platform, "unranked").reason
    assert deploy(platform, made / "unranked" / "model", "unranked", ["--input", "x FP32 [-1, 64]"]).status == 0
    version = newest(platform, "unranked")
    rows = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64)
    answers_alike(platform, version, {"x": rows, "y": rows * 2}, name="unranked", signature="serving_default")


def test_a_graph_that_reads_files_is_refused_with_its_operation(platform: WholePlatform, made: Path) -> None:
    refused = deploy(platform, made / "refused" / "read_file", "reader")
    assert refused.status != 0
    version = newest(platform, "reader")
    assert version.state == "rejected"
    assert "ReadFile" in version.reason
