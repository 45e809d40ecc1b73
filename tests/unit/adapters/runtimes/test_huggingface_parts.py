"""The parts of the Hugging Face runtime that need no library: who runs together, how vectors are pooled, how long texts
may be, what a dense layer's files hold."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bms.adapters.runtimes.huggingface.answers import pooled
from bms.adapters.runtimes.huggingface.batch_independence import Tokenised, batch_independence_of, grouped
from bms.adapters.runtimes.huggingface.dense import dense_of
from bms.adapters.runtimes.huggingface.keys import DENSE, KEYS, STRICT, check_known
from bms.adapters.runtimes.huggingface.length import max_length
from bms.adapters.runtimes.huggingface.pooling import WAYS
from bms.core.errors import FailedPrecondition
from bms.core.tensors.tensor import Array
from bms.serving.inference.preparation.tokens import Encoding, by_length, padded

TEXTS = [Tokenised(ids, [0] * len(ids)) for ids in ([1], [4, 5, 6], [2, 8, 9, 3, 7])]
ROOT = Path(__file__).parents[4]
RANDOM = np.random.default_rng(4)


def last(texts: Sequence[Encoding], known: int, filled: int) -> dict[str, Array]:
    """A classifier by the last token that is not `known`, of texts filled up with `filled`."""
    ids = padded(texts, filled).ids
    kept = [row[row != known] for row in ids]
    return {"y": np.array([[row[-1], row.sum()] for row in kept], dtype=np.float32)}


def test_texts_are_padded_together_if_the_padding_is_the_one_that_the_model_knows() -> None:
    assert batch_independence_of(lambda texts: last(texts, 0, 0), TEXTS) == "padded"


def test_texts_of_one_length_run_together_where_padding_changes_an_answer() -> None:
    assert batch_independence_of(lambda texts: last(texts, 0, 99), TEXTS) == "equal"


def test_each_runs_by_itself_where_company_changes_an_answer_or_is_refused() -> None:
    def scaled(texts: Sequence[Encoding]) -> dict[str, Array]:
        answers = last(texts, 0, 0)["y"]
        return {"y": answers / answers.max()}

    def one(texts: Sequence[Encoding]) -> dict[str, Array]:
        if len(texts) > 1:
            raise ValueError("Cannot handle batch sizes > 1 if no padding token is defined.")
        return last(texts, 0, 0)

    assert batch_independence_of(scaled, TEXTS) == "alone"
    assert batch_independence_of(one, TEXTS) == "alone"


def test_a_model_that_runs_on_no_text_says_why() -> None:
    def broken(texts: Sequence[Encoding]) -> dict[str, Array]:
        raise ValueError("index 3 is out of bounds")

    with pytest.raises(FailedPrecondition, match="does not run on a text: ValueError: index 3"):
        batch_independence_of(broken, TEXTS)


def test_groups_are_as_large_as_they_may_be() -> None:
    lengths = [3, 5, 3, 4]
    assert grouped(lengths, "padded", by_length) == [[1, 3, 0, 2]]
    assert grouped(lengths, "equal", by_length) == [[0, 2], [1], [3]]
    assert grouped(lengths, "alone", by_length) == [[0], [1], [2], [3]]


@pytest.mark.parametrize("prompt", [0, 2])
def test_pooling_is_that_of_each_text_by_itself(prompt: int) -> None:
    hidden = RANDOM.standard_normal((3, 6, 4)).astype(np.float32)
    mask = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    for way in WAYS:
        made = pooled(hidden, mask, (way,), prompt)
        for row, count in enumerate(mask.sum(axis=1)):
            own = hidden[row, prompt:count]
            places = np.arange(prompt + 1, count + 1)[:, None]
            wanted = {
                "cls": own[0],
                "max": own.max(axis=0),
                "mean": own.mean(axis=0),
                "mean_sqrt_len_tokens": own.sum(axis=0) / np.sqrt(len(own)),
                "weightedmean": (own * places).sum(axis=0) / places.sum(),
                "lasttoken": own[-1],
            }[way]
            np.testing.assert_allclose(made[row], wanted, rtol=1e-5, atol=1e-6)
    both = pooled(hidden, mask, ("mean", "cls"), prompt)
    np.testing.assert_array_equal(both[:, 4:], pooled(hidden, mask, ("cls",), prompt))


@pytest.mark.parametrize(
    ("config", "tokenizer", "sentences", "embeds", "length"),
    [
        ({"max_position_embeddings": 512}, None, None, False, 512),
        ({"max_position_embeddings": 514, "model_type": "roberta"}, None, None, False, 512),
        ({"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": 0}, 600, None, False, 513),
        ({"max_position_embeddings": 512}, 64, None, False, 64),
        ({"n_positions": 64, "model_type": "gpt2"}, None, None, False, 64),
        ({"max_position_embeddings": 64, "model_type": "llama"}, None, None, False, None),
        ({"max_position_embeddings": 64, "model_type": "llama"}, 131072, None, False, 131072),
        ({"max_position_embeddings": 64, "model_type": "llama"}, None, None, True, 64),
        ({"max_position_embeddings": 512}, 64, 128, True, 128),
        ({"max_position_embeddings": 100}, 64, 128, True, 100),
        ({"model_type": "t5"}, None, None, True, None),
    ],
)
def test_a_text_is_cut_where_the_library_cuts_it(
    config: dict[str, object], tokenizer: int | None, sentences: int | None, embeds: bool, length: int | None
) -> None:
    assert max_length(config, tokenizer, sentences, embeds=embeds) == length


def layer(folder: Path, **arrays: Array) -> None:
    """As safetensors, whose format is simple."""
    folder.mkdir()
    content, head = b"", {}
    for key, array in arrays.items():
        name = key.replace("_", ".")
        head[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(content), len(content) + array.nbytes]}
        content += array.tobytes()
    told = json.dumps(head).encode()
    (folder / "model.safetensors").write_bytes(len(told).to_bytes(8, "little") + told + content)


def test_a_dense_layer_is_computed_from_its_file(tmp_path: Path) -> None:
    weight, bias = (RANDOM.standard_normal(shape).astype(np.float32) for shape in ((5, 4), (5,)))
    layer(tmp_path / "2_Dense", linear_weight=weight, linear_bias=bias)
    vectors = RANDOM.standard_normal((3, 4)).astype(np.float32)
    made = dense_of(str(tmp_path), "2_Dense", {}).opened()(vectors)
    np.testing.assert_allclose(made, np.tanh(vectors @ weight.T + bias), rtol=1e-5, atol=1e-6)
    plain = dense_of(str(tmp_path), "2_Dense", {"activation_function": "torch.nn.modules.linear.Identity"}).opened()
    np.testing.assert_allclose(plain(vectors), vectors @ weight.T + bias, rtol=1e-5, atol=1e-6)


def test_a_dense_layer_that_cannot_be_followed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="pickles are not opened"):
        dense_of(str(tmp_path), "2_Dense", {})
    layer(tmp_path / "2_Dense", linear_bias=np.zeros(5, np.float32))
    with pytest.raises(FailedPrecondition, match=r"expected linear\.weight"):
        dense_of(str(tmp_path), "2_Dense", {}).opened()
    with pytest.raises(FailedPrecondition, match=r"'activation_function': 'mine\.Own'"):
        dense_of(str(tmp_path), "2_Dense", {"activation_function": "mine.Own"})
    path = tmp_path / "2_Dense" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(FailedPrecondition, match="no safetensors file of numbers"):
        dense_of(str(tmp_path), "2_Dense", {}).opened()


@pytest.mark.parametrize("page", ["runtimes.md", "runtimes.zh-CN.md"])
def test_every_key_that_is_read_is_in_the_documentation(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    assert sorted(key for keys in KEYS.values() for key in keys.read if f"`{key}`" not in text) == []


def test_keys_are_either_read_or_harmless_and_unknown_ones_are_refused_where_all_change_answers() -> None:
    for keys in KEYS.values():
        assert not keys.read & set(keys.harmless)
        assert all(keys.harmless.values())
    assert set(KEYS) >= STRICT
    check_known(DENSE, {"bias": True, "in_features": 3, "future": None})
    with pytest.raises(FailedPrecondition, match=r"2_Dense/config\.json says 'dropout': 0\.5, which is not known here"):
        check_known(DENSE, {"dropout": 0.5}, "2_Dense/config.json")
