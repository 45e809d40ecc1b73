"""Reads the tokenizer file that turns token ids of OpenAI's clients into text (`bms up --openai-tokens`)."""

import logging
from pathlib import Path

from bms.core.errors import InvalidArgument
from bms.protocols.openai.vocabulary import Vocabulary, read_vocabulary

log = logging.getLogger(__name__)


def vocabulary_if_there(path: str) -> Vocabulary | None:
    """The vocabulary, or None with a warning: a gateway serves on where the file has gone since the platform's
    start."""
    try:
        return vocabulary_of(path)
    except InvalidArgument as error:
        log.warning("token ids of OpenAI's clients are refused: %s", error.message)
        return None


def vocabulary_of(path: str) -> Vocabulary | None:
    """Reads the vocabulary at `path`; None for no path. Raises InvalidArgument, naming the file, for one that cannot be
    read."""
    if not path:
        return None
    try:
        return read_vocabulary(Path(path).read_bytes())
    except OSError as error:
        raise InvalidArgument(f"--openai-tokens {path}: {error.strerror or error}") from None
    except InvalidArgument as error:
        raise InvalidArgument(f"--openai-tokens {path}: {error.message}") from None
