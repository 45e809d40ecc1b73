"""Content digests, written `sha256:<64 hex digits>`."""

import hashlib
import re
from collections.abc import Iterable

from bms.core.errors import InvalidArgument

PATTERN = "sha256:[0-9a-f]{64}"
_DIGEST = re.compile(PATTERN)


def of_bytes(data: bytes | memoryview) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def of_parts(parts: Iterable[str]) -> str:
    """Returns one digest over several texts, unambiguous in where each ends."""
    running = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        running.update(len(encoded).to_bytes(8, "big"))
        running.update(encoded)
    return "sha256:" + running.hexdigest()


def check_digest(text: str) -> str:
    """Returns `text` if it is a digest. Raises InvalidArgument otherwise; nothing else may become a blob's path."""
    if not _DIGEST.fullmatch(text):
        raise InvalidArgument(f"{text[:80]!r} is not a digest: expected 'sha256:' and 64 lower-case hex digits")
    return text
