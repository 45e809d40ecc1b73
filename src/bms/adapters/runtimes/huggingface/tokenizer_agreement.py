"""Checks that tokenizer.json agrees with the files beside it, by tokenizing a few characters."""

from typing import Any

from bms.adapters.runtimes.huggingface.keys import TOKENIZER_CONFIG
from bms.adapters.runtimes.huggingface.tokenizer_settings import Settings
from bms.core.errors import FailedPrecondition

_AGAIN = (
    "save both together, by `AutoTokenizer.from_pretrained(DIRECTORY).save_pretrained(DIRECTORY)` of transformers, or "
    "take the key out"
)


def check_agreement(made: Any, said: Settings, name: str) -> None:
    """Compares the tokenizer with the keys. Raises FailedPrecondition naming the key that says something else than
    `made`, the tokenizer of file `name`, does: transformers would follow the key."""
    accented = _normal(made, "\u00e9")
    does = {
        "do_lower_case": (said.lower, "ab" in _normal(made, "AB")),
        "strip_accents": (said.stripped, not {"\u00e9", "\u0301"} & set(accented)),
        "tokenize_chinese_chars": (said.chinese, " " in _normal(made, "\u4e00\u4e8c").strip()),
        "add_prefix_space": (said.prefix, _pieces(made, "a")[:1] not in (["a"], ["A"], [])),
    }
    for key, (wanted, found) in does.items():
        if wanted is not None and wanted != found:
            raise FailedPrecondition(
                f"{TOKENIZER_CONFIG} says {key!r}: {str(wanted).lower()}, or its tokenizer_class does, but {name!r} "
                f"does {'so' if found else 'no such thing'}: {_AGAIN}"
            )


def check_ids(made: Any, said: Settings, name: str) -> None:
    """Compares the ids of special tokens. Raises FailedPrecondition for a token that has another id than the files
    beside `name` say."""
    for token in said.tokens:
        found = made.token_to_id(token.content)
        if token.id not in (None, found):
            raise FailedPrecondition(
                f"{TOKENIZER_CONFIG} says in 'added_tokens_decoder' that {token.content[:80]!r} has the id {token.id}, "
                f"but in {name!r} it is {found}: {_AGAIN}"
            )


def _normal(made: Any, text: str) -> str:
    normal: str = text if made.normalizer is None else made.normalizer.normalize_str(text)
    return normal


def _pieces(made: Any, text: str) -> list[str]:
    normal = _normal(made, text)
    if made.pre_tokenizer is None:
        return [normal]
    return [piece for piece, _ in made.pre_tokenizer.pre_tokenize_str(normal)]
