"""Hugging Face directories: answers as computed without them, and what is refused. Run by
`test_runtime_environments.py`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="tokenizers is in an environment of its own")

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.huggingface.tokenizer_file import open_tokenizer
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.preparation.tokens import Tokenizer
from bms.serving.lifecycle.servable import PartlyRead
from tests.contract.runtimes.cases.huggingface import FRAMEWORK

NAMES = ("encoder", "sentences", "classifier", "tagger", "decoder")


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
    with pytest.raises(FailedPrecondition) as raised:
        recognise(str(directory), runtime="huggingface", requirements=["torch"])
    with pytest.raises(FailedPrecondition) as again:
        open_servable(config(directory))
    assert again.value.message == raised.value.message
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


def test_a_padding_with_a_name_of_its_own_leaves_short_texts_their_answers() -> None:
    """Read from tokenizer_config.json and config.json: the graph looks for the last token that is not it."""
    folder = made("decoder")
    opened = open_tokenizer(str(folder), "tokenizer.json", 10, 1)
    assert opened.pad == json.loads((folder / "config.json").read_text())["pad_token_id"] == 2
    servable = open_servable(config(folder))
    with np.load(folder.with_suffix(".npz")) as expected:
        sentences, scores = expected["text"].tolist(), expected["scores"]
    for row, sentence in enumerate(sentences):
        alone = servable.infer("serving_default", texts(sentence))["scores"]
        np.testing.assert_allclose(alone[0], scores[row], rtol=1e-5, atol=1e-6)
    for _ in range(4):
        together = servable.infer("serving_default", texts(*sentences))["scores"]
        np.testing.assert_allclose(together, scores, rtol=1e-5, atol=1e-6)


def test_where_no_file_names_the_padding_texts_still_get_their_answers(copy: Path) -> None:
    shutil.rmtree(copy)
    shutil.copytree(made("decoder"), copy)
    change(copy, "config.json", pad_token_id=None)
    change(copy, "tokenizer_config.json", pad_token=None)
    assert open_tokenizer(str(copy), "tokenizer.json", 10, 1).pad is None
    with np.load(made("decoder").with_suffix(".npz")) as expected:
        answers = open_servable(config(copy)).infer("serving_default", texts(*expected["text"].tolist()))
        np.testing.assert_allclose(answers["scores"], expected["scores"], rtol=1e-5, atol=1e-6)


def test_a_text_without_tokens_is_refused(copy: Path) -> None:
    servable = open_servable(config(made("decoder")))
    with pytest.raises(InvalidArgument, match="text 2 of 2 has no tokens"):
        servable.infer("serving_default", texts("the cat", ""))


def tokens(opened: Tokenizer, text: str) -> int:
    return len(opened.encode([text])[0].ids)


@pytest.mark.parametrize("where", ["tokenizer_config.json", "tokenizer.json"])
def test_a_long_text_loses_its_beginning_where_a_file_says_so(copy: Path, where: str) -> None:
    opened = open_tokenizer(str(copy), "tokenizer.json", None, 1)
    said = ("the", "old", "bridge", "cat", "sees", "music", "warm", "bread", "small", "ship")
    known = [word for word in said if tokens(opened, word) == 3]
    words = known * 12
    whole, head, tail = " ".join(words), " ".join(words[:22]), " ".join(words[-22:])
    right = open_servable(config(copy)).infer("serving_default", texts(whole, head, tail))["embedding"]
    np.testing.assert_allclose(right[0], right[1], rtol=1e-5)
    if where == "tokenizer_config.json":
        change(copy, where, truncation_side="left")
    else:
        said = json.loads((copy / where).read_text())
        change(copy, where, truncation={**said["truncation"], "direction": "Left"})
    left = open_servable(config(copy)).infer("serving_default", texts(whole))["embedding"]
    np.testing.assert_allclose(left[0], right[2], rtol=1e-5, atol=1e-6)
    assert np.abs(left[0] - right[0]).max() > 1e-3


def test_the_files_of_a_tokenizer_may_not_contradict_one_another(copy: Path) -> None:
    change(copy, "tokenizer_config.json", tokenizer_class="BertTokenizer", do_lower_case=False)
    with pytest.raises(FailedPrecondition, match=r"says 'do_lower_case': false.*save both together"):
        open_servable(config(copy))
    change(copy, "tokenizer_config.json", do_lower_case=True, tokenize_chinese_chars=False)
    with pytest.raises(FailedPrecondition, match="says 'tokenize_chinese_chars': false"):
        open_servable(config(copy))
    wrong = {"150": {"content": "[SEP]", "special": True}}
    change(copy, "tokenizer_config.json", tokenize_chinese_chars=True, added_tokens_decoder=wrong)
    with pytest.raises(FailedPrecondition, match=r"'\[SEP\]' has the id 150"):
        open_servable(config(copy))
    change(copy, "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast", added_tokens_decoder={})
    change(copy, "tokenizer_config.json", do_lower_case=False)  # transformers leaves it to tokenizer.json there
    open_servable(config(copy))


def test_special_tokens_that_a_text_spells_out_are_text_where_that_is_said(copy: Path) -> None:
    def count(directory: Path) -> int:
        answers = open_servable(config(directory)).infer("serving_default", texts("the [SEP] cat"))
        return int(answers["tokens"][0])

    assert count(copy) == 5
    change(copy, "tokenizer_config.json", split_special_tokens=True)
    assert count(copy) > 5


def sentence_transformer(copy: Path, pooling: dict[str, object], **files: dict[str, object]) -> None:
    """Spoils `copy` into one of sentence-transformers."""
    modules = json.loads((made("sentences") / "modules.json").read_text())[:2]
    (copy / "modules.json").write_text(json.dumps(modules))
    (copy / "1_Pooling").mkdir(exist_ok=True)
    (copy / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    for name, said in files.items():
        (copy / f"{name}.json").write_text(json.dumps(said))


def test_a_list_of_poolings_is_read_as_newer_versions_write_it(copy: Path) -> None:
    def embedding(pooling: dict[str, object]) -> Array:
        sentence_transformer(copy, pooling)
        return open_servable(config(copy)).infer("serving_default", texts("the cat", "she likes warm bread"))[
            "embedding"
        ]

    both = embedding({"embedding_dimension": 16, "pooling_mode": ["mean", "cls"], "include_prompt": True})
    alone = [embedding({"pooling_mode": way}) for way in ("mean", "cls")]
    np.testing.assert_allclose(both, np.concatenate(alone, axis=1), rtol=1e-5, atol=1e-6)
    flags = embedding({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True})
    np.testing.assert_allclose(flags, np.concatenate(alone[::-1], axis=1), rtol=1e-5, atol=1e-6)


def test_capitals_are_made_small_where_sentence_transformers_is_told_to(copy: Path) -> None:
    said = json.loads((copy / "tokenizer.json").read_text())
    change(copy, "tokenizer.json", normalizer={**said["normalizer"], "lowercase": False})
    change(copy, "config.json", model_type="modernbert")  # whose tokenizers say nothing of capitals
    for lower in (False, True):
        sentence_transformer(copy, {"pooling_mode": "mean"}, sentence_bert_config={"do_lower_case": lower})
        answers = open_servable(config(copy)).infer("serving_default", texts("the cat", "The CAT"))["embedding"]
        assert bool(np.allclose(answers[0], answers[1], atol=1e-6)) is lower


@pytest.mark.parametrize(
    ("file", "said", "words"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "mean", "window": 3}, "says 'window': 3, which is not known"),
        ("1_Pooling/config.json", {"pooling_mode": "median"}, "is median: known are cls, max, mean"),
        ("1_Pooling/config.json", {"pooling_mode": "mean", "include_prompt": 1}, "says 'include_prompt'"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "says 'transformer_task': 'fill-mask'"),
        ("sentence_bert_config.json", {"model_args": {"dtype": "float16"}}, "says 'model_args'"),
        ("sentence_bert_config.json", {"modality_config": {"image": {}}}, "says 'modality_config'"),
        ("sentence_bert_config.json", {"max_seq_length": "9"}, "says 'max_seq_length': '9'"),
        ("sentence_bert_config.json", {"shorten": 1}, "says 'shorten': 1, which is not known"),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "says 'model_type': 'SparseEncoder'"),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}, "says 'default_prompt_name': 'query'"),
        ("config_sentence_transformers.json", {"truncate_dim": 0}, "says 'truncate_dim'"),
        ("config_sentence_transformers.json", {"scale": 2}, "says 'scale': 2, which is not known"),
        ("config.json", {"pad_token_id": "[PAD]"}, "says 'pad_token_id': '[PAD]'"),
        ("tokenizer_config.json", {"truncation_side": "both"}, "says 'truncation_side': 'both'"),
        ("special_tokens_map.json", [1], "can't be read"),
    ],
)
def test_what_a_file_says_that_cannot_be_followed_is_named(copy: Path, file: str, said: object, words: str) -> None:
    sentence_transformer(copy, {"pooling_mode": "mean"})
    if isinstance(said, dict) and file != "1_Pooling/config.json":
        change(copy, file, **said)
    else:
        (copy / file).write_text(json.dumps(said))
    assert words in refused(copy)


def test_a_cross_encoder_is_refused_since_it_takes_pairs(copy: Path) -> None:
    shutil.copy(made("classifier") / "config.json", copy)
    change(copy, "config.json", sbert_ce_default_activation_function="torch.nn.modules.linear.Identity")
    assert "scores pairs of texts" in refused(copy)


def test_a_key_of_the_tokenizer_that_is_not_known_is_told(copy: Path) -> None:
    untouched = open_servable(config(copy))
    assert isinstance(untouched, PartlyRead)
    assert untouched.unread == ()
    change(copy, "tokenizer_config.json", fold_umlauts=True)
    changed = open_servable(config(copy))
    assert isinstance(changed, PartlyRead)
    assert changed.unread == ("tokenizer_config.json: fold_umlauts",)


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
