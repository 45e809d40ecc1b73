"""Keras, from training to answers over every wire."""

import base64
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.contract.runtimes.cases import tensorflow as cases_tensorflow
from tests.contract.runtimes.cases.keras import FRAMEWORK
from tests.contract.runtimes.runtime_cases import MAKERS
from tests.framework_env import made_by
from tests.frameworks.agreement import (
    DEPLOY_S,
    ask_triton,
    asked,
    deploy,
    deployed,
    newest,
    serves_alike,
)
from tests.frameworks.held_out import classifies_alike
from tests.frameworks.several import Several, several
from tests.pages import typed
from tests.worlds.platforms import RealPlatform

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


COMPUTED = ("computed", "masked", "lengths", "nested")


@pytest.fixture(scope="module")
def others(request: pytest.FixtureRequest, made: Path) -> Iterator[Several]:
    tensorflows = cases_tensorflow.FRAMEWORK.artifacts() / "keras"
    artifacts = {
        "functional": made / "functional" / "model",
        **{name: made / name / "model" / "model.keras" for name in COMPUTED},
        "trained-by-tensorflow": tensorflows / "model" / "model.keras",
    }
    with several(request, artifacts, FRAMEWORK.environment) as answering:
        yield answering


@pytest.mark.parametrize(
    ("name", "file", "format"),
    [("sequential", "model.keras", "keras"), pytest.param("legacy", "model.h5", "keras-h5", marks=pytest.mark.long)],
)
def test_a_file_is_pushed_with_nothing_else_said(
    platform: RealPlatform, made: Path, name: str, file: str, format: str
) -> None:
    expected = made / name / "expected.npz"
    version = serves_alike(platform, made / name / "model" / file, expected, name=name)
    assert (version.runtime, version.format) == ("keras", format)
    assert version.environment.requirements == ("keras>=3.12", "torch==2.13.0")
    assert version.signatures["serving_default"].method == "classify"
    classifies_alike(platform, name, expected, "pixels", "digit")


def test_several_inputs_and_outputs_keep_their_names(others: Several, made: Path) -> None:
    others.alike("functional", made / "functional" / "expected.npz")


PAGE = (Path(__file__).parents[2] / "docs" / "preprocessing.md").read_text()
NAMES = ("cat", "dog", "bird")


@pytest.mark.long  # test_runtime_keras.py has a short form, in one process
def test_an_application_takes_jpegs_as_the_documents_say_and_answers_the_names_of_classes(
    platform: RealPlatform, made: Path, tmp_path: Path
) -> None:
    (commands,) = re.findall(r"<!-- test: keras -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    shutil.copy(made / "application" / "model" / "model.keras", tmp_path / "mobilenet.keras")
    shutil.copy(made / "application" / "0.jpg", tmp_path / "cat.jpg")
    said = typed(commands, tmp_path, patience_s=DEPLOY_S, BMS_URL=platform.url, BMS_KEY=platform.key)
    with np.load(made / "application" / "expected.npz") as expected:
        first = expected["predictions"][0]
    told = re.findall(r"^(\w+) +(0\.\d+|1\.0+)$", said, re.MULTILINE)
    assert [(name, pytest.approx(float(score), abs=1e-3)) for name, score in told] == [
        (NAMES[int(first.argmax())], float(first.max()))
    ]
    version = newest(platform, "mobilenet")
    assert version.environment.requirements == ("keras>=3.12", "torch==2.13.0", "pillow")
    named_alike(platform, made / "application", "mobilenet")


@pytest.mark.long
@pytest.mark.parametrize("name", ["resnet", "efficientnet"])
def test_larger_applications_are_prepared_in_their_own_ways(platform: RealPlatform, name: str) -> None:
    made = made_by(MAKERS / "make_keras_applications.py", FRAMEWORK.environment)
    (settings,) = re.findall(rf"`{name}`.* \| `(mode=\S+)` \|", PAGE)
    labels = [word for label in NAMES for word in ("--label", label)]
    options = ["--image", f"{settings},height=40,width=32", *labels]
    deployed(platform, made / name / "model", name, options)
    named_alike(platform, made / name, name)


def named_alike(platform: RealPlatform, made: Path, name: str) -> None:
    """Its answers to pictures are Keras's, by every wire that carries bytes, and their likeliest class has its name."""
    with np.load(made / "expected.npz") as arrays:
        given, wanted = arrays["image"], arrays["predictions"]
    for wire in ("binary", "grpc"):  # tritonclient puts no bytes into JSON that are not UTF-8
        told = ask_triton(platform, name, {"image": given}, wire, "image")["predictions"]
        np.testing.assert_allclose(told, wanted, rtol=1e-3, atol=1e-4, err_msg=wire)
    likeliest = wanted.argmax(1)
    images = [{"b64": base64.b64encode(picture).decode()} for picture in given.tolist()]
    assert len(set(likeliest.tolist())) > 1, "all pictures are of one class: nothing is compared"
    body: dict[str, object] = {"signature_name": "image", "examples": [{"image": image} for image in images]}
    status, answer = asked(platform, f"/v1/models/{name}:classify", body)
    assert status == 200, answer
    assert [max(row, key=lambda pair: pair[1])[0] for row in answer["results"]] == [NAMES[at] for at in likeliest]


@pytest.mark.parametrize("name", COMPUTED)
def test_operations_between_layers_and_bare_outputs_are_served(others: Several, made: Path, name: str) -> None:
    others.alike(name, made / name / "expected.npz")


def test_a_model_that_tensorflow_trained_is_computed_alike_by_pytorch(others: Several) -> None:
    expected = cases_tensorflow.FRAMEWORK.artifacts() / "keras" / "expected.npz"
    others.alike("trained-by-tensorflow", expected, rtol=1e-4, atol=1e-5)
    classifies_alike(others, "trained-by-tensorflow", expected, "pixels", "probabilities")


def test_a_lambda_layer_is_refused_with_the_way_out(platform: RealPlatform, made: Path) -> None:
    refused = deploy(platform, made / "refused" / "lambda" / "model.keras", "lambda", ["--allow-pickle"])
    assert refused.status != 0
    version = newest(platform, "lambda")
    assert version.state == "rejected"
    assert "model.export('folder')" in version.reason


def test_why_a_model_does_not_load_is_told_whole_where_its_maker_looks(platform: RealPlatform, made: Path) -> None:
    refused = deploy(platform, made / "refused" / "own_function" / "model.keras", "function")
    told = refused.errors + refused.out
    assert refused.status != 0
    assert "TypeError: Could not locate function 'halved'. Make sure custom classes and functions are decorated" in told
    assert "export a SavedModel with model.export('folder')" in told
    assert "/trees/" not in told
