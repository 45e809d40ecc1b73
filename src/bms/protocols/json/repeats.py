"""Refuses JSON objects with a repeated name: parsers keep the last value silently, so the sender would get an answer to
one of the two.

A name is written in two quotation marks. What a parser kept is counted in its quotation marks, and only where a text
has more of them (a name twice, a null, a mark within a text) is it looked at name by name.
"""

import json
from collections.abc import Callable
from itertools import chain
from typing import Any

import msgspec

from bms.core.errors import InvalidArgument

Text = bytes | memoryview | msgspec.Raw
_PIECE = 1 << 16
_LEVELS = 8  # that are looked at one by one; every one of them reads all that is in it again
_members: Callable[[Text], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements: Callable[[Text], list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw]).decode


def quotes(text: Text) -> int:
    """Counts the quotation marks in a text."""
    if type(text) is bytes:
        return text.count(b'"')
    view = memoryview(text)
    if view.nbytes <= _PIECE:
        return view.tobytes().count(b'"')
    return sum(bytes(view[at : at + _PIECE]).count(b'"') for at in range(0, len(view), _PIECE))


def quotes_of(value: object) -> int:
    """Counts the quotation marks that a parsed value was written with, unless it has quotation marks within."""
    if isinstance(value, msgspec.Raw):
        return quotes(value)
    if isinstance(value, str):
        return 2
    if isinstance(value, dict):
        count = 2 * len(value)
        for item in value.values():
            if type(item) is not int and type(item) is not bool:
                count += quotes_of(item)
        return count
    return sum(map(quotes_of, value)) if isinstance(value, list) else 0


def check_objects(text: Text, objects: list[dict[str, msgspec.Raw]]) -> None:
    """Raises InvalidArgument where one of the `objects` that `text` writes has a name twice."""
    names = 2 * sum(map(len, objects))
    if (found := quotes(text)) == names:
        return
    if found != names + b"".join(chain.from_iterable(map(dict.values, objects))).count(b'"'):
        refuse_repeats(text)


def refuse_repeats(text: Text) -> None:
    """Raises InvalidArgument for JSON in which an object, at whatever depth, has a name twice."""
    try:
        _walk(text, _LEVELS)
    except RecursionError:
        raise InvalidArgument("the body is nested too deeply: tensors nest at most 16 lists") from None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Builds an object, as an `object_pairs_hook`. Raises InvalidArgument for a repeated name."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidArgument(f"the body has {twice[:80]!r} twice in one object: say it once")
    return made


def not_utf8() -> InvalidArgument:
    return InvalidArgument("the body holds text that is not UTF-8: JSON must be UTF-8")


def _walk(text: Text, deeper: int) -> None:
    begins = bytes(memoryview(text)[:64]).lstrip()[:1]
    if begins not in (b"{", b"["):
        return
    if deeper == 0:
        _check_names(text)
        return
    if begins == b"{":
        members = _members(text)
        kept = 2 * len(members) + b"".join(members.values()).count(b'"')
        if kept != quotes(text):
            _check_names(text)
            return
        values = list(members.values())
    elif b"{" not in bytes(memoryview(text)):
        return
    else:
        values = _elements(text)
    for value in values:
        _walk(value, deeper - 1)


def _check_names(text: Text) -> None:
    """Checks name by name, to the bottom."""
    json.loads(bytes(memoryview(text)), object_pairs_hook=once)
