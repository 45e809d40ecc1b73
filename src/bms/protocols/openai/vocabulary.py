"""The vocabulary of OpenAI's tokenizers: maps token ids, which some clients send in place of texts, back to texts.

LangChain's `OpenAIEmbeddings` cuts long texts by tokens, and sends ids of cl100k_base to whatever model it doesn't
know. They mean nothing to another model, but say the text. Source: the files of https://github.com/openai/tiktoken, a
line for each token: its bytes in base64, and its number.
"""

import base64
import binascii
from collections.abc import Sequence

from bms.core.errors import InvalidArgument


class Vocabulary:
    """A vocabulary. `tokens` are the bytes of each id; None where there is none."""

    def __init__(self, tokens: Sequence[bytes | None]) -> None:
        self._tokens = tokens

    def text(self, ids: Sequence[int]) -> bytes:
        """Decodes token ids as UTF-8; half a character, where a text was cut, becomes the replacement character. Raises
        InvalidArgument for an unknown id."""
        parts: list[bytes] = []
        for id in ids:
            token = self._tokens[id] if 0 <= id < len(self._tokens) else None
            if token is None:
                raise InvalidArgument(f"'input' holds {id}, which is no token of the vocabulary that this platform has")
            parts.append(token)
        return b"".join(parts).decode(errors="replace").encode()


def read_vocabulary(data: bytes) -> Vocabulary:
    """Parses a vocabulary file. Raises InvalidArgument, naming the line, for an invalid one."""
    tokens: list[bytes | None] = []
    for number, line in enumerate(data.splitlines(), 1):
        written, _, rank = line.partition(b" ")
        try:
            token, id = base64.b64decode(written, validate=True), int(rank)
        except (binascii.Error, ValueError):
            token, id = b"", -1
        if not token or not 0 <= id < 1 << 20:
            raise InvalidArgument(
                f"line {number} is no token and its number: a file like cl100k_base.tiktoken is expected, with lines "
                "like `IQ== 0`"
            )
        tokens += [None] * (id + 1 - len(tokens))
        tokens[id] = token
    if not tokens:
        raise InvalidArgument("the file is empty: one like cl100k_base.tiktoken is expected")
    return Vocabulary(tokens)
