"""What an artifact is, and what it needs, as far as that is told without its runtime."""

import json
import pickle
from pathlib import Path

import pytest

from bms.adapters.runtimes.recognition import merged, recognise
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.preprocessing import ImagePreprocess, TextPreprocess
from tests.worlds.whole_platform import DIGITS

SKOPS = DIGITS.with_name("digits.skops")


def artifact(folder: Path, **files: bytes | str) -> str:
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(folder)


def test_a_model_is_recognised_by_its_content_alone(tmp_path: Path) -> None:
    found = recognise(artifact(tmp_path, anything=DIGITS.read_bytes()))
    assert (found.runtime, found.format, found.requirements, found.python) == ("onnx", "onnx", (), None)


def test_what_is_asked_for_beside_the_platforms_packages_makes_an_environment_of_its_own(tmp_path: Path) -> None:
    found = recognise(artifact(tmp_path, model__onnx=DIGITS.read_bytes()), requirements=["pandas"])
    assert found.requirements == ("pandas", "onnxruntime")
    assert recognise(str(tmp_path), python="3.12").python == "3.12"


def test_requirements_come_from_the_maker_then_the_description_then_the_file_then_the_runtime(tmp_path: Path) -> None:
    said = json.dumps({"requirements": ["numpy<3", "pandas<3"], "labels": ["a"]})
    listed = "# pinned\nPandas==2.0\nscikit_learn == 1.5  # of the training\n\n"
    folder = artifact(tmp_path, model__skops=SKOPS.read_bytes(), bms__json=said, requirements__txt=listed)
    found = recognise(folder, requirements=["numpy==2.1"])
    assert found.requirements == ("numpy==2.1", "pandas<3", "scikit_learn == 1.5", "skops")
    assert found.description.labels == ("a",)


def test_preprocessing_brings_what_it_needs(tmp_path: Path) -> None:
    folder = artifact(tmp_path, model__onnx=DIGITS.read_bytes())
    assert recognise(folder, preprocess=ImagePreprocess(input="x", mode="L", height=8, width=8)).requirements == ()
    assert recognise(folder, preprocess=TextPreprocess()).requirements == ("onnxruntime", "tokenizers")
    artifact(tmp_path, bms__json=json.dumps({"preprocess": {"type": "text", "max_length": 9}}))
    found = recognise(folder)
    assert (found.description.preprocess, "tokenizers" in found.requirements) == (TextPreprocess(max_length=9), True)


def test_of_equal_packages_one_is_kept() -> None:
    assert merged(["tensorflow==2.20"], ["tensorflow-cpu", "numpy"]) == ("tensorflow==2.20", "numpy")


@pytest.mark.parametrize("line", ["-r other.txt", "--index-url http://elsewhere", "-e ."])
def test_installer_options_in_a_requirements_file_are_refused(tmp_path: Path, line: str) -> None:
    folder = artifact(tmp_path, model__onnx=DIGITS.read_bytes(), requirements__txt=line)
    with pytest.raises(FailedPrecondition, match=r"can.t be used"):
        recognise(folder)


def test_what_is_not_what_it_was_said_to_be_is_refused(tmp_path: Path) -> None:
    folder = artifact(tmp_path, model__onnx=DIGITS.read_bytes())
    with pytest.raises(FailedPrecondition, match=r"no model for runtime 'sklearn': it holds 'model.onnx'; .* 'onnx'"):
        recognise(folder, runtime="sklearn")
    with pytest.raises(InvalidArgument, match="unknown runtime 'tarot'"):
        recognise(folder, runtime="tarot")


def test_nothing_known_and_several_things_at_once_are_refused_with_what_was_found(tmp_path: Path) -> None:
    folder = artifact(tmp_path, notes__txt="nothing")
    with pytest.raises(FailedPrecondition, match=r"no model was recognised .* 'notes.txt'"):
        recognise(folder)
    artifact(tmp_path, a__onnx=DIGITS.read_bytes(), b__skops=SKOPS.read_bytes())
    with pytest.raises(FailedPrecondition, match=r"models for 'onnx' \(onnx\) and 'sklearn' \(skops\)"):
        recognise(folder)
    assert recognise(folder, runtime="sklearn").format == "skops"


@pytest.mark.parametrize("said", ['{"labels": 3}', '{"allow_pickle": true}', "[]", "{"])
def test_a_description_that_is_not_valid_is_refused(tmp_path: Path, said: str) -> None:
    folder = artifact(tmp_path, model__onnx=DIGITS.read_bytes(), bms__json=said)
    with pytest.raises(FailedPrecondition, match="does not describe a model"):
        recognise(folder)


def test_a_pickle_is_refused_before_anything_is_built_for_it_unless_it_is_allowed(tmp_path: Path) -> None:
    folder = artifact(tmp_path, model__pkl=pickle.dumps({"a": 1}))
    with pytest.raises(FailedPrecondition, match=r"'model\.pkl' is a pickle, .* allow pickles .*`--allow-pickle`"):
        recognise(folder)
    assert recognise(folder, allow_pickle=True).format == "pickle"
