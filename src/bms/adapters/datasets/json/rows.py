"""Parses one line of JSON lines strictly: each key once, text well-formed, and numbers that remember their digits where
a double would change them."""

import json
import re
from typing import Any

import msgspec

from bms.adapters.datasets.exact import float_of, is_rounded
from bms.core.errors import InvalidArgument

_NOT_JSON = (b"NaN", b"Infinity")  # which Python's json writes, and JSON does not know
_SHORT, _SMALL, _LARGE = 15, 1e-300, 1e15
_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")


class Written(float):
    """A number that a double does not hold exactly: the double nearest to `text`; `is_held` if it differs in digits
    alone that no double has."""

    text: str
    is_held: bool


def row_of(line: bytes) -> dict[str, Any]:
    """Parses the object, also with NaN, Infinity and -Infinity. Raises InvalidArgument, to be said after the line's
    place, for other things, for a key that is there twice and for halves of characters (surrogates)."""
    try:
        row: dict[str, Any] = _DECODER.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        if _ESCAPED_HALF.search(line) is None and not any(word in line for word in _NOT_JSON):
            raise InvalidArgument(f"is not a JSON object: {error}") from error
        return _looked_at(line, error)
    # More marks than were kept: a key stands twice, or marks stand within a text.
    return row if _marks(row) == line.count(b'"') else _looked_at(line, None)


def _marks(value: Any) -> int:
    """The quotation marks that it is written with, unless it has some within."""
    if isinstance(value, str):
        return 2
    if isinstance(value, dict):
        return 2 * len(value) + sum(map(_marks, value.values()))
    return sum(map(_marks, value)) if isinstance(value, list) else 0


def _looked_at(line: bytes, failure: Exception | None) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_float=_number, object_pairs_hook=_whole)
    except (ValueError, RecursionError) as error:  # of which UnicodeDecodeError is one
        raise InvalidArgument(f"is not a JSON object: {failure or error}") from error
    if not isinstance(row, dict):
        raise InvalidArgument(f"is not a JSON object: {failure}")
    return row


def _whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidArgument(f"has the key {twice[:80]!r} twice in one object: say it once")
    for name, value in pairs:
        for text in (name, value):
            if isinstance(text, str) and (half := _HALF.search(text)) is not None:
                raise InvalidArgument(
                    f"holds half of a character, {half[0]!r}, in {name[:80]!r}: no text has one; write both halves, or "
                    "the character itself"
                )
    return made


def _number(text: str) -> float:
    if len(text) <= _SHORT and _SMALL < abs(value := float(text)) < _LARGE:  # most are, and it is ten times as fast
        return value
    held = float_of(text)
    if held is not None and not is_rounded(text, held):
        return held
    written = Written(text)
    written.text, written.is_held = text, held is not None
    return written


_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=_number)
