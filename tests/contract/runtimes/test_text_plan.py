"""Texts for a model of token ids, by the real tokenizer. Run by `test_runtime_environments.py`."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="tokenizers is in an environment of its own")

from msgspec import structs

from bms.app.tasks.opening import open_servable
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.preprocessing import TextPreprocess
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from tests.contract.runtimes.cases.huggingface import FRAMEWORK

OPTIONS = TextPreprocess(tokenizer="words/tokenizer.json", max_length=24)


def config(**changes: Any) -> ServableConfig:
    directory = str(FRAMEWORK.artifacts() / "plain")
    options = structs.replace(OPTIONS, **changes)
    return ServableConfig(runtime="onnx", directory=directory, model="m", version=1, preprocess=options)


def texts(*given: bytes) -> dict[str, Array]:
    array = np.empty(len(given), dtype=object)
    array[:] = given
    return {"text": array}


def test_a_text_gets_the_answer_of_its_tokens() -> None:
    servable = open_servable(config())
    expected = np.load(FRAMEWORK.artifacts() / "plain.npz")
    sentences = [text.encode() for text in expected["text"].tolist()]
    assert list(servable.signatures) == ["serving_default", "text"]
    assert servable.signatures["text"].method == "classify"
    together = servable.infer("text", texts(*sentences))["probabilities"]
    np.testing.assert_allclose(together, expected["probabilities"], rtol=1e-5, atol=1e-6)
    for row, sentence in enumerate(sentences):
        alone = servable.infer("text", texts(sentence))["probabilities"]
        np.testing.assert_allclose(alone[0], expected["probabilities"][row], rtol=1e-5, atol=1e-6)


def test_a_bad_text_is_named_by_its_place() -> None:
    with pytest.raises(InvalidArgument, match="text 2 of 2: byte 0 is not UTF-8"):
        open_servable(config()).infer("text", texts(b"good", b"\xff"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tokenizer": "../tokenizer.json"}, "leads out of its artifact"),
        ({"tokenizer": "absent.json"}, "holds no such file"),
        ({"tokenizer": "model.onnx"}, "is no tokenizer"),
        ({"max_length": 2}, None),
        ({"max_length": 1}, "allow more than its special ones"),
        ({"mask": ""}, "no signature takes just that"),
        ({"types": "token_type_ids"}, "no signature takes just that"),
    ],
)
def test_a_description_that_does_not_fit_fails_the_load(changes: dict[str, Any], says: str | None) -> None:
    if says is None:
        assert open_servable(config(**changes)).infer("text", texts(b"the cat"))["probabilities"].shape == (1, 3)
        return
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(**changes))


def test_a_length_that_is_not_said_is_that_of_the_tokenizers_files(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(config().directory, tmp_path / "plain"))
    long = b"the cat sees music " * 9

    def answers(length: int | None) -> Array:
        asked = config(max_length=length)
        return open_servable(structs.replace(asked, directory=str(folder))).infer("text", texts(long))["probabilities"]

    np.testing.assert_array_equal(answers(None), answers(5))  # which tokenizer.json says
    (folder / "words" / "tokenizer_config.json").write_text('{"model_max_length": 9}')
    np.testing.assert_array_equal(answers(None), answers(9))
    assert not np.allclose(answers(9), answers(5), rtol=1e-3, atol=0)


def test_the_folder_is_where_it_is_said_to_be() -> None:
    assert (Path(config().directory) / OPTIONS.tokenizer).is_file()
