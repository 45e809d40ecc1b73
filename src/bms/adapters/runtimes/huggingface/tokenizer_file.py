"""Loads an artifact's tokenizer: the file `tokenizer.json` of the library tokenizers, and what lies beside it."""

import os
from collections.abc import Sequence
from typing import Any

from bms.adapters.runtimes.artifacts.model_file import contained
from bms.adapters.runtimes.huggingface.tokenizer_agreement import check_agreement, check_ids
from bms.adapters.runtimes.huggingface.tokenizer_settings import Settings, tokenizer_settings
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.serving.inference.preparation.tokens import Encoding, Tokenizer
from bms.serving.inference.reasons import plain

MAX_BYTES = 64 << 20
LIMIT = 1 << 15  # tokens of a text where no file says how many it may have: more are refused, none are cut off


def open_tokenizer(
    directory: str,
    name: str,
    max_length: int | None,
    threads: int,
    *,
    settings: Settings | None = None,
    lower: bool = False,
    own_length: bool = False,
) -> Tokenizer:
    """Loads the tokenizer that converts texts to token ids, cut at `max_length`, at the end that the files say; None:
    nothing is cut.

    At most `threads` threads work on one call. `settings`: what the files beside it say, where that is known already;
    `lower`: capitals are made small before anything else; `own_length`: where `max_length` is None, that of the file
    itself counts, as it does not for transformers. Raises FailedPrecondition for a file that is missing, too large,
    broken or leads out of the artifact, for files that say different things, and where the package tokenizers is
    missing.
    """
    path = contained(directory, name)
    said = settings or tokenizer_settings(directory, name)
    with open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise FailedPrecondition(f"{name!r} is larger than a tokenizer may be ({MAX_BYTES} bytes)")
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    os.environ["RAYON_NUM_THREADS"] = str(threads)  # read when its threads are started
    try:
        import tokenizers
    except ImportError as error:
        raise FailedPrecondition(
            "taking texts needs the package tokenizers, which the model's environment lacks: add it to the version's "
            "requirements"
        ) from error
    try:
        made = tokenizers.Tokenizer.from_buffer(content)
        check_agreement(made, said, name)
        _add(made, said)
        check_ids(made, said, name)
        if lower:
            _lower(made)
        pad = _pad(made, said)
        if max_length is None and own_length and made.truncation:
            max_length = int(made.truncation["max_length"])
        longest = _configured(made, said, max_length)
    except (KeyboardInterrupt, SystemExit, MemoryError, FailedPrecondition):
        raise
    except BaseException as error:  # a panic of its Rust part is no Exception
        raise FailedPrecondition(f"{name!r} is no tokenizer that can be read: {plain(str(error))}") from error
    if max_length is not None and longest > max_length:
        raise FailedPrecondition(
            f"{name!r} makes {longest} tokens of a text that may have {max_length}: allow more than its special ones"
        )
    return _Opened(made, pad, said.unread)


def _configured(made: Any, said: Settings, max_length: int | None) -> int:
    """The tokens of a long text, once padding and truncation are as they are to be."""
    there = made.truncation
    left = said.left if said.left is not None else bool(there) and there["direction"] == "left"
    made.no_padding()
    made.encode_special_tokens = said.split_special
    if max_length is None:
        made.no_truncation()
        return 0
    made.enable_truncation(max_length, direction="left" if left else "right")
    return len(made.encode("a " * max_length).ids)


def _add(made: Any, said: Settings) -> None:
    """The named tokens that the file does not single out, as transformers adds them."""
    from tokenizers import AddedToken

    there = {token.content: token for token in made.get_added_tokens_decoder().values()}
    for token in said.tokens:
        known = there.get(token.content)
        wanted = AddedToken(
            token.content,
            single_word=token.single_word,
            lstrip=token.lstrip,
            rstrip=token.rstrip,
            normalized=token.normalized,
            special=token.special,
        )
        if known is None or (token.id is not None and repr(known) != repr(wanted)):
            (made.add_special_tokens if token.special else made.add_tokens)([wanted])


def _pad(made: Any, said: Settings) -> int | None:
    padding = made.padding
    if said.pad is None:
        return int(padding["pad_id"]) if padding else None
    found = made.token_to_id(said.pad)
    return None if found is None else int(found)


def _lower(made: Any) -> None:
    from tokenizers import normalizers

    own = made.normalizer
    made.normalizer = normalizers.Sequence([normalizers.Lowercase(), *([] if own is None else [own])])


class _Opened:
    """An open tokenizer; keeps `Tokenizer`'s contract."""

    def __init__(self, tokenizer: Any, pad: int | None, unread: tuple[str, ...]) -> None:
        self._tokenizer = tokenizer
        self.pad = pad
        self.unread = unread

    def encode(self, texts: list[str]) -> Sequence[Encoding]:
        found: Sequence[Encoding] = self._tokenizer.encode_batch_fast(texts)
        for number, one in enumerate(found, start=1):
            if len(one.ids) > LIMIT:
                raise InvalidArgument(
                    f"text {number} of {len(texts)} has {len(one.ids)} tokens, more than one may have ({LIMIT}): "
                    "send it in parts"
                )
        return found
