"""Reads a tokenizer's settings beside tokenizer.json: tokenizer_config.json and special_tokens_map.json."""

import os
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from bms.adapters.runtimes.artifacts.model_file import contained
from bms.adapters.runtimes.huggingface.keys import (
    MORE_TOKENS,
    NAMED_TOKENS,
    ONE_TOKEN,
    SPECIAL_TOKENS,
    TOKENIZER_CONFIG,
    unknown,
)
from bms.core.errors import FailedPrecondition

MAX_BYTES = 16 << 20  # a tokenizer_config.json may list thousands of tokens
_GENERIC = frozenset({"", "PreTrainedTokenizerFast", "PreTrainedTokenizer", "TokenizersBackend"})
# Classes of transformers by what they do where no key says otherwise: capitals are made small, padding is this token.
_LIKE_BERT = ("Bert", "DistilBert", "Electra", "MobileBert", "Lxmert", "LayoutLM", "SqueezeBert")
_ANGULAR = ("MPNet", "Albert", "Funnel")
_LOWER = frozenset((*_LIKE_BERT, *_ANGULAR))
_PADS = {
    **dict.fromkeys((*_LIKE_BERT, "DebertaV2", "RemBert"), "[PAD]"),
    **dict.fromkeys(
        (*_ANGULAR, "Roberta", "XLMRoberta", "Camembert", "T5", "XLNet", "BigBird", "Bart", "Barthez", "MBart"), "<pad>"
    ),
}


class NamedToken(NamedTuple):
    """An added token with an entry of its own: special ones are found in a text before it is cut into pieces."""

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False
    special: bool = True
    id: int | None = None  # where the file says it


class Settings(NamedTuple):
    """A tokenizer's settings: each is obeyed, or compared with tokenizer.json; None: it is set nowhere, nor by the
    tokenizer's class."""

    pad: str | None = None
    length: int | None = None  # tokens that a text may have
    left: bool | None = None  # a text that is too long loses its beginning
    tokens: tuple[NamedToken, ...] = ()
    split_special: bool = False  # special tokens that a text spells out are ordinary text
    types: bool = False  # the model is given the tokens' segments; else all are the first
    lower: bool | None = None
    stripped: bool | None = None  # accents are taken off
    chinese: bool | None = None  # characters stand alone
    prefix: bool | None = None  # a blank goes before the text
    unread: tuple[str, ...] = ()


def tokenizer_settings(directory: str, name: str, kind: str = "") -> Settings:
    """Reads the settings of the tokenizer in the file `name`, of class `kind` where its own files name none.

    Raises FailedPrecondition for a file that can't be read, and naming a key that can't be followed.
    """
    folder = os.path.dirname(name)
    said = _object(directory, os.path.join(folder, TOKENIZER_CONFIG))
    special = _object(directory, os.path.join(folder, SPECIAL_TOKENS))
    if "added_tokens_decoder" not in said:  # else, as transformers has it, the other file is not read
        said = {**said, **special}
    if not said.get("tokenizer_class"):
        said = {**said, "tokenizer_class": kind}
    return settings_of(said)


def settings_of(said: Mapping[str, object]) -> Settings:
    """The settings in tokenizer_config.json's content, with that of special_tokens_map.json."""
    if isinstance(map := said.get("auto_map"), dict) and map.get("AutoTokenizer"):
        raise FailedPrecondition(
            f"{TOKENIZER_CONFIG} says 'auto_map', a tokenizer of the artifact's own code, which is not run: save the "
            "tokenizer with a class of transformers, or a plain tokenizer.json without that key"
        )
    kind = str(said.get("tokenizer_class") or "").removesuffix("Fast").removesuffix("Tokenizer")
    generic = str(said.get("tokenizer_class") or "") in _GENERIC
    side = _one_of(said, "truncation_side", ("left", "right"))
    names = said.get("model_input_names")
    lower = _flag(said, "do_lower_case")
    stripped = _flag(said, "strip_accents")
    if kind == "Albert" and (kept := _flag(said, "keep_accents")) is not None:
        stripped = not kept
    if lower is None and not generic and kind in _LOWER:
        lower = True
    return Settings(
        pad=_pad(said, kind),
        length=_length(said),
        left=None if side is None else side == "left",
        tokens=_tokens(said),
        split_special=bool(_flag(said, "split_special_tokens")),
        types=isinstance(names, list) and "token_type_ids" in names,
        # transformers obeys these for tokenizers of a class of their own, and else leaves it to tokenizer.json
        lower=None if generic else lower,
        stripped=None if generic else stripped,
        chinese=None if generic else _flag(said, "tokenize_chinese_chars"),
        prefix=None if generic else _flag(said, "add_prefix_space"),
        unread=tuple(f"{TOKENIZER_CONFIG}: {key}" for key in unknown(TOKENIZER_CONFIG, said) if not _token(key, said)),
    )


def _object(directory: str, name: str) -> dict[str, object]:
    """Empty where there is no such file, or it is a link."""
    if not os.path.isfile(os.path.join(directory, name)):
        return {}
    with open(contained(directory, name), "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise FailedPrecondition(f"{name!r} is larger than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(content, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FailedPrecondition(f"{name!r} can't be read: {error}; expected a JSON object") from error


def _flag(said: Mapping[str, object], key: str) -> bool | None:
    value = said.get(key)
    if value is not None and not isinstance(value, bool):
        raise FailedPrecondition(f"{TOKENIZER_CONFIG} says {key!r}: {str(value)[:100]!r}, expected true or false")
    return value


def _one_of(said: Mapping[str, object], key: str, known: tuple[str, ...]) -> str | None:
    value = said.get(key)
    if value is not None and value not in known:
        raise FailedPrecondition(
            f"{TOKENIZER_CONFIG} says {key!r}: {str(value)[:100]!r}, expected {' or '.join(known)}"
        )
    return None if value is None else str(value)


def _length(said: Mapping[str, object]) -> int | None:
    """transformers writes 10 to the 30th where there is no limit, as a float or a whole number."""
    value = said.get("model_max_length", said.get("max_len"))
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
        raise FailedPrecondition(f"{TOKENIZER_CONFIG} says 'model_max_length': {str(value)[:100]}, expected a number")
    return None if value >= 1 << 40 else int(value)


def _pad(said: Mapping[str, object], kind: str) -> str | None:
    if (token := _named(said.get("pad_token"))) is not None:
        return token.content
    return None if "pad_token" in said else _PADS.get(kind)


def _named(value: object) -> NamedToken | None:
    """A token as a text, or as an object with a `content`."""
    if isinstance(value, str):
        return NamedToken(value)
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        flags = {key: value[key] for key in ("single_word", "lstrip", "rstrip") if isinstance(value.get(key), bool)}
        return NamedToken(value["content"], normalized=value.get("normalized") is True, **flags)
    return None


def _token(key: str, said: Mapping[str, object]) -> bool:
    """Whether it is a token under a name of the model's own, such as `image_token`."""
    return key.endswith("_token") and _named(said[key]) is not None


def _tokens(said: Mapping[str, object]) -> tuple[NamedToken, ...]:
    """All that the files name, in the order in which transformers adds those that are new. Those of
    `added_tokens_decoder` have their settings from there."""
    found: dict[str, NamedToken] = {}
    decoder = said.get("added_tokens_decoder")
    listed = decoder.items() if isinstance(decoder, dict) else ()
    for number, value in sorted(listed, key=lambda item: str(item[0]).zfill(12)):
        token = _named(value)
        if token is None or not str(number).isdecimal():
            raise FailedPrecondition(f"{TOKENIZER_CONFIG}: 'added_tokens_decoder' has {str(number)[:20]!r}, no token")
        special = isinstance(value, dict) and value.get("special") is True
        found[token.content] = token._replace(id=int(number), special=special)
    values: list[object] = [said[key] for key in ONE_TOKEN if key in said]
    values += [said[key] for key in said if key not in NAMED_TOKENS and _token(key, said)]
    for key in MORE_TOKENS:
        more = said.get(key)
        values += more.values() if isinstance(more, dict) else more if isinstance(more, list) else ()
    for value in values:
        if (token := _named(value)) is not None:
            found.setdefault(token.content, token)
    return tuple(found.values())
