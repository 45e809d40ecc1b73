"""Checks that the served tokenizer makes the same tokens as transformers, where that is installed."""

import logging

from bms.core.errors import FailedPrecondition
from bms.serving.inference.preparation.tokens import SAMPLES, Tokenizer

AWKWARD = (
    *SAMPLES,
    "",
    "Größe ÉCOLE naïve İstanbul",
    "  two   blanks,\ta tab\nand a line ",
    "e-mail: a_b@c.org (50%); don't… “quote”",
    "[PAD] <pad> [MASK] <mask> </s> [SEP]",
    "long words and cold tea under the old bridge " * 200,
)
_log = logging.getLogger("bms.model")


def check_tokenizer(directory: str, tokenizer: Tokenizer, max_length: int | None, *, lower: bool) -> None:
    """Compares both tokenizers. Raises FailedPrecondition naming the first text of which transformers makes other
    tokens than `tokenizer`, which cuts at `max_length`. Its class may do more than tokenizer.json and the keys that are
    read say."""
    import transformers

    try:
        theirs = transformers.AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - of several libraries, each with its own
        _log.warning("the tokenizer is not compared with that of transformers, which can't open it: %s", error)
        return
    for text in AWKWARD:
        given = text.lower() if lower else text
        wanted = list(theirs(given, truncation=max_length is not None, max_length=max_length)["input_ids"])
        made = list(tokenizer.encode([given])[0].ids)
        if made != wanted:
            raise FailedPrecondition(
                f"of {given[:60]!r} transformers ({type(theirs).__name__}) makes the tokens {wanted[:12]}, "
                f"tokenizer.json {made[:12]}: save both together, by "
                "`AutoTokenizer.from_pretrained(DIRECTORY).save_pretrained(DIRECTORY)`"
            )
