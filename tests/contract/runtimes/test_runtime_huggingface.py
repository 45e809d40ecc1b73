"""Hugging Face directories: answers as computed without them, and what is refused. Run by
`test_runtime_environments.py`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="tokenizers is in an environment of its own")

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.programs import ServableConfig
from bms.core.tensor import Array
from tests.contract.runtimes.cases_huggingface import FRAMEWORK

NAMES = ("encoder", "sentences", "classifier", "tagger")


def config(directory: Path) -> ServableConfig:
    return ServableConfig(runtime="huggingface", directory=str(directory), model="m", version=1)


def made(name: str) -> Path:
    return FRAMEWORK.artifacts() / name


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The encoder, to be spoilt."""
    return Path(shutil.copytree(made("encoder"), tmp_path / "copy"))


def change(directory: Path, file: str, **changes: object) -> None:
    path = directory / file
    said = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**said, **changes}))


def texts(*given: str | bytes) -> dict[str, Array]:
    array = np.empty(len(given), dtype=object)
    array[:] = [one.encode() if isinstance(one, str) else one for one in given]
    return {"text": array}


def refused(directory: Path) -> str:
    """What is said of it, already where it is recognised: no environment is made for it."""
    found = recognise(str(directory))
    assert (found.runtime, found.requirements) == ("huggingface", ())
    with pytest.raises(FailedPrecondition) as raised:
        open_servable(config(directory))
    return raised.value.message


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_computed_text_by_text(name: str) -> None:
    found = recognise(str(made(name)))
    assert (found.format, found.requirements) == ("huggingface-onnx", ("onnxruntime", "tokenizers"))
    servable = open_servable(config(made(name)))
    expected = np.load(made(name).with_suffix(".npz"))
    answers = servable.infer("serving_default", texts(*expected["text"].tolist()))
    assert set(answers) == set(expected.files) - {"text"}
    for key, array in answers.items():
        assert array.dtype == (np.int32 if key == "tokens" else np.float32)
        np.testing.assert_allclose(array, expected[key], rtol=1e-5, atol=1e-6)


def test_what_a_directory_is_for_is_told_by_its_signature() -> None:
    encoder = open_servable(config(made("sentences"))).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in encoder.outputs] == [
        ("embedding", "FP32", (None, 32)),
        ("tokens", "INT32", (None,)),
    ]
    sorting = open_servable(config(made("classifier"))).signatures["serving_default"]
    assert (sorting.method, sorting.scores, sorting.labels) == ("classify", "scores", ("calm", "glad", "伤心"))


def test_a_number_is_told_where_the_problem_is_a_regression(copy: Path) -> None:
    shutil.copy(made("classifier") / "model.onnx", copy / "model.onnx")
    named = {"0": "a", "1": "b", "2": "c"}
    change(copy, "config.json", architectures=["XForSequenceClassification"], problem_type="regression", id2label=named)
    servable = open_servable(config(copy))
    assert servable.signatures["serving_default"].method == "predict"
    logits = servable.infer("serving_default", texts("the cat"))["value"]
    again = open_servable(config(made("classifier"))).infer("serving_default", texts("the cat"))["scores"]
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), again, rtol=1e-5)


def test_a_prompt_goes_before_every_text(copy: Path) -> None:
    plain = open_servable(config(made("encoder"))).infer("serving_default", texts("the cat sees music"))
    shutil.copy(made("sentences") / "modules.json", copy)
    (copy / "1_Pooling").mkdir()
    change(copy, "1_Pooling/config.json", pooling_mode="mean")
    change(copy, "modules.json".replace("modules", "config_sentence_transformers"))
    change(copy, "config_sentence_transformers.json", prompts={"query": "the cat "}, default_prompt_name="query")
    prompted = open_servable(config(copy)).infer("serving_default", texts("sees music"))
    unit = plain["embedding"] / np.linalg.norm(plain["embedding"])
    np.testing.assert_allclose(prompted["embedding"], unit, rtol=1e-5, atol=1e-6)


def test_texts_that_are_no_texts_are_named() -> None:
    servable = open_servable(config(made("encoder")))
    with pytest.raises(InvalidArgument, match="text 2 of 3: byte 1 is not UTF-8"):
        servable.infer("serving_default", texts("good", b"a\xff", "good"))
    with pytest.raises(InvalidArgument, match="text 1 of 1: 1048577 bytes are more"):
        servable.infer("serving_default", texts(b"a" * ((1 << 20) + 1)))


def test_weights_that_are_a_pickle_are_refused_before_anything_is_installed(copy: Path) -> None:
    (copy / "model.onnx").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"\x80\x02.")
    assert "is a pickle" in refused(copy) or "are a pickle" in refused(copy)


def test_a_directory_without_a_tokenizer_is_told_how_to_get_one(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    assert "save_pretrained" in refused(copy)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "holds a LlamaForCausalLM"),
        ({"architectures": ["BertForTokenClassification"]}, "holds a BertForTokenClassification"),
        ({"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a", "2": "b"}}, "leaves numbers out"),
        ({"architectures": ["BertForSequenceClassification"], "id2label": {"a": "b"}}, "are no numbers"),
    ],
)
def test_what_is_not_served_says_so(copy: Path, changes: dict[str, object], says: str) -> None:
    change(copy, "config.json", **changes)
    assert says in refused(copy)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ({"type": "sentence_transformers.models.Dense", "path": "2_Dense"}, "names 'Dense'"),
        ({"type": "sentence_transformers.models.Pooling", "path": "../1_Pooling"}, "leads out of its artifact"),
        ({"type": "sentence_transformers.models.Transformer", "path": "0_Transformer"}, "'0_Transformer'"),
        ("a word", "is no list of modules"),
    ],
)
def test_modules_that_are_not_known_or_lie_elsewhere_are_refused(copy: Path, module: object, says: str) -> None:
    (copy.parent / "1_Pooling").mkdir()
    change(copy.parent, "1_Pooling/config.json", pooling_mode_mean_tokens=True)
    (copy / "modules.json").write_text(json.dumps([module]))
    assert says in refused(copy)


def test_more_labels_than_scores_fail_the_load(copy: Path) -> None:
    shutil.copy(made("classifier") / "model.onnx", copy / "model.onnx")
    change(copy, "config.json", architectures=["BertForSequenceClassification"], id2label={"0": "a", "1": "b"})
    with pytest.raises(FailedPrecondition, match="for 2 labels"):
        open_servable(config(copy))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{}", "is no tokenizer that can be read"),
        (b"\x00" * 64, "is no tokenizer that can be read"),
        (b'{"version":"1.0","model":{"type":"BPE","vocab":{},"merges":[["a","b"]]}}', "out of vocabulary"),
    ],
)
def test_a_broken_tokenizer_fails_the_load(copy: Path, content: bytes, says: str) -> None:
    (copy / "tokenizer.json").write_bytes(content)
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(copy))


def test_a_tokenizer_of_any_size_is_not_read(copy: Path) -> None:
    with (copy / "tokenizer.json").open("ab") as file:
        file.truncate(65 << 20)
    with pytest.raises(FailedPrecondition, match="larger than a tokenizer may be"):
        open_servable(config(copy))


def test_links_out_of_the_artifact_are_not_followed(copy: Path, tmp_path: Path) -> None:
    (copy / "tokenizer.json").rename(tmp_path / "elsewhere.json")
    (copy / "tokenizer.json").symlink_to(tmp_path / "elsewhere.json")
    assert "no tokenizer.json" in refused(copy)


def test_a_graph_with_other_inputs_is_refused_with_what_is_expected(copy: Path) -> None:
    artifacts = FRAMEWORK.artifacts()
    shutil.copy(artifacts / "plain" / "model.onnx", copy / "model.onnx")
    with pytest.raises(FailedPrecondition, match=r"gives probabilities FP32 .* expected last_hidden_state"):
        open_servable(config(copy))
