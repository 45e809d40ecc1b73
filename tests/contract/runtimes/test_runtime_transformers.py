"""Hugging Face directories of the real libraries: answers as theirs, and what is refused. Run by
`test_runtime_environments.py`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

pytest.importorskip("transformers", reason="transformers is in an environment of its own")

from safetensors.numpy import load_file, save_file

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition
from bms.core.workloads.programs import ServableConfig
from tests.contract.runtimes.cases.huggingface import TRANSFORMERS


def config(directory: Path) -> ServableConfig:
    return ServableConfig(runtime="huggingface", directory=str(directory), model="m", version=1)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The classifier, to be spoilt."""
    return Path(shutil.copytree(TRANSFORMERS.artifacts() / "about", tmp_path / "copy"))


def change(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("name", ["about", "tags", "minilm", "minilm-onnx"])
def test_answers_are_the_librarys(name: str) -> None:
    folder = TRANSFORMERS.artifacts() / name
    onnx = name == "minilm-onnx"
    assert recognise(str(folder)).format == ("huggingface-onnx" if onnx else "huggingface-safetensors")
    servable = open_servable(config(folder))
    with np.load(TRANSFORMERS.artifacts() / f"{name}.npz") as expected:
        texts = np.array([text.encode() for text in expected["text"].tolist()], dtype=object)
        answers = servable.infer("serving_default", {"text": texts})
        for key in set(expected.files) - {"text"}:
            np.testing.assert_allclose(answers[key], expected[key], rtol=1e-4, atol=2e-6)


def test_a_tokenizer_that_transformers_reads_otherwise_is_refused_with_the_text(copy: Path) -> None:
    """Its class makes the pre-tokenizer anew, whatever tokenizer.json says of it."""
    path = copy / "tokenizer.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "pre_tokenizer": {"type": "WhitespaceSplit"}}))
    with pytest.raises(FailedPrecondition, match=r"of 'A small ship.*transformers \(BertTokenizer\) makes the tokens"):
        open_servable(config(copy))
    open_servable(structs.replace(config(copy), proved=True))  # it is not compared again at every start


def test_weights_that_are_missing_are_not_made_up(copy: Path) -> None:
    held = load_file(copy / "model.safetensors")
    held.pop("classifier.weight")
    save_file(held, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FailedPrecondition, match=r"the weights lack classifier\.weight"):
        open_servable(config(copy))


def test_weights_of_other_shapes_are_refused(copy: Path) -> None:
    change(copy, id2label={"0": "a", "1": "b"}, label2id={"a": 0, "b": 1})
    with pytest.raises(FailedPrecondition, match=r"classifier|mismatch"):
        open_servable(config(copy))


def test_code_in_the_directory_is_never_run(copy: Path, tmp_path: Path) -> None:
    (copy / "modeling.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    change(copy, auto_map={"AutoModelForSequenceClassification": "modeling.Mine"}, model_type="mine")
    with pytest.raises(FailedPrecondition):
        open_servable(config(copy))
    change(copy, auto_map={"AutoModelForSequenceClassification": "modeling.Mine"}, model_type="bert")
    open_servable(config(copy))  # by the library's own class
    assert not (tmp_path / "ran").exists()


def test_shards_may_not_lead_out_of_the_artifact(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    index = {"metadata": {}, "weight_map": {"classifier.weight": "../elsewhere.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(FailedPrecondition, match="leads out of its artifact"):
        recognise(str(copy))
    with pytest.raises(FailedPrecondition, match="leads out of its artifact"):
        open_servable(config(copy))


def test_a_torn_file_is_refused(copy: Path) -> None:
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(FailedPrecondition, match="can't load the model"):
        open_servable(config(copy))


def test_quantised_weights_are_refused_before_anything_is_installed(copy: Path) -> None:
    change(copy, quantization_config={"quant_method": "bitsandbytes"})
    with pytest.raises(FailedPrecondition, match="quantised"):
        recognise(str(copy), requirements=["bitsandbytes"])
