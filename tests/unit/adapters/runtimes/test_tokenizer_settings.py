"""What the files beside a tokenizer.json say, read and not guessed."""

import json
from pathlib import Path
from typing import Any

import pytest

from bms.adapters.runtimes.huggingface.tokenizer_settings import NamedToken, settings_of, tokenizer_settings
from bms.core.errors import FailedPrecondition


@pytest.mark.parametrize(
    "pad", ["<|right_pad|>", {"__type": "AddedToken", "content": "<|right_pad|>", "lstrip": False}]
)
def test_the_padding_has_whatever_name_is_said(pad: object) -> None:
    assert settings_of({"pad_token": pad, "tokenizer_class": "BertTokenizer"}).pad == "<|right_pad|>"


def test_the_padding_that_is_not_said_is_that_of_the_tokenizers_class_or_none() -> None:
    assert settings_of({"tokenizer_class": "DistilBertTokenizerFast"}).pad == "[PAD]"
    assert settings_of({"tokenizer_class": "XLMRobertaTokenizer"}).pad == "<pad>"
    assert settings_of({"tokenizer_class": "GPT2Tokenizer"}).pad is None
    assert settings_of({"tokenizer_class": "BertTokenizer", "pad_token": None}).pad is None


@pytest.mark.parametrize(
    ("said", "length"),
    [(512, 512), (1e30, None), (10**30, None), (131072, 131072), (1000000000000000019884624838656, None), (512.0, 512)],
)
def test_no_limit_is_what_transformers_writes_for_it(said: float, length: int | None) -> None:
    assert settings_of({"model_max_length": said}).length == length


def test_tokens_keep_what_the_file_says_of_them_in_the_order_of_their_ids() -> None:
    decoder = {"10": {"content": "<b>", "lstrip": True, "special": False}, "9": {"content": "<a>", "special": True}}
    said = settings_of(
        {"added_tokens_decoder": decoder, "cls_token": "<a>", "extra_special_tokens": {"image_token": "<i>"}}
    )
    assert said.tokens == (
        NamedToken("<a>", id=9),
        NamedToken("<b>", lstrip=True, special=False, id=10),
        NamedToken("<i>"),
    )


def test_a_class_of_its_own_obeys_keys_that_others_leave_to_tokenizer_json() -> None:
    keys = {"do_lower_case": True, "strip_accents": False, "add_prefix_space": True}
    own, plain = (
        settings_of({**keys, "tokenizer_class": kind}) for kind in ("BertTokenizer", "PreTrainedTokenizerFast")
    )
    assert (own.lower, own.stripped, own.prefix) == (True, False, True)
    assert (plain.lower, plain.stripped, plain.prefix) == (None, None, None)
    assert settings_of({"tokenizer_class": "BertTokenizer"}).lower is True  # its default
    assert settings_of({"tokenizer_class": "AlbertTokenizer", "keep_accents": True}).stripped is False


def test_a_key_that_nobody_has_heard_of_is_told() -> None:
    said = settings_of({"fold_umlauts": True, "image_token": "<i>", "model_max_length": 8, "chat_template": "…"})
    assert said.unread == ("tokenizer_config.json: fold_umlauts",)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"truncation_side": "middle"}, "'truncation_side': 'middle', expected left or right"),
        ({"do_lower_case": "yes"}, "'do_lower_case': 'yes', expected true or false"),
        ({"model_max_length": "long"}, "'model_max_length': long, expected a number"),
        ({"model_max_length": float("nan")}, "'model_max_length': nan"),
        ({"auto_map": {"AutoTokenizer": ["mine.Mine", None]}}, "own code, which is not run"),
        ({"added_tokens_decoder": {"x": {"content": "a"}}}, "'added_tokens_decoder' has 'x'"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_key(said: dict[str, Any], words: str) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        settings_of(said)
    assert words in refused.value.message


def test_both_files_are_read_beside_the_tokenizer_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "tokenizer_config.json").write_text(json.dumps({"truncation_side": "left"}))
    (tmp_path / "words" / "special_tokens_map.json").write_text(json.dumps({"pad_token": {"content": "<void>"}}))
    (tmp_path / "tokenizer_config.json").write_text("{}")
    said = tokenizer_settings(str(tmp_path), "words/tokenizer.json")
    assert (said.left, said.pad) == (True, "<void>")
    assert tokenizer_settings(str(tmp_path), "tokenizer.json", "BertTokenizer").lower is True
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(FailedPrecondition, match="can't be read"):
        tokenizer_settings(str(tmp_path), "tokenizer.json")
