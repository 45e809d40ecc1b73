"""Tokenizers of an artifact: the file `tokenizer.json` that the library tokenizers writes, which is data alone."""

import os
from collections.abc import Sequence
from typing import Any

from bms.adapters.runtimes.artifact import contained
from bms.core.errors import FailedPrecondition
from bms.serving.inference.tokens import Encoding, Tokenizer

MAX_BYTES = 64 << 20
_PADS = ("[PAD]", "<pad>", "<|pad|>", "<|endoftext|>", "</s>")


def open_tokenizer(directory: str, name: str, max_length: int, threads: int) -> Tokenizer:
    """What texts become token ids by, cut at `max_length`. At most `threads` threads work on one call.

    Raises FailedPrecondition for a file that is missing, too large, broken or leads out of the artifact, and where the
    package tokenizers is missing.
    """
    path = contained(directory, name)
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
        padding = made.padding
        known = [id for id in map(made.token_to_id, _PADS) if id is not None]
        pad = padding["pad_id"] if padding else known[0] if known else None
        made.no_padding()
        made.enable_truncation(max_length)
        longest = len(made.encode("a " * max_length).ids)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic of its Rust part is no Exception
        raise FailedPrecondition(f"{name!r} is no tokenizer that can be read: {str(error)[:300]}") from error
    if longest > max_length:
        raise FailedPrecondition(
            f"{name!r} makes {longest} tokens of a text that may have {max_length}: allow more than its special ones"
        )
    return _Opened(made, pad)


class _Opened:
    """Keeps `Tokenizer`'s contract."""

    def __init__(self, tokenizer: Any, pad: int | None) -> None:
        self._tokenizer = tokenizer
        self.pad = pad

    def encode(self, texts: list[str]) -> Sequence[Encoding]:
        found: Sequence[Encoding] = self._tokenizer.encode_batch_fast(texts)
        return found
