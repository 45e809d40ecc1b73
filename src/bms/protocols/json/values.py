"""Undecoded parts of a JSON body: how to decode them depends on what else the body says.

A `JsonValue` is `msgspec.Raw` from the fast parser, or a plain Python object where the body held bare NaN or
Infinity, which only the slow parser reads. A body's struct is generic in it: `Body[msgspec.Raw]`, `Body[Any]`.
"""

import json
import re
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from bms.core.errors import InvalidArgument
from bms.protocols.json.repeats import check_objects, not_utf8

JsonValue = object
T = TypeVar("T")
_FIRST = re.compile(rb"\s*(\S)")
_SECOND = re.compile(rb"\s*\[\s*(\S)")
_THIRD = re.compile(rb"\s*\[\s*\[\s*(\S)")
_LONE_B64 = re.compile(rb'\s*\[\s*\{\s*"b64"\s*:\s*"[^"\\]*+(?:\\.[^"\\]*+)*+"\s*\}')


class ValueDecoder(Generic[T]):
    """Decodes one undecoded value, whichever parser it came from."""

    def __init__(self, fast: object, slow: object) -> None:
        self.raw: Callable[[msgspec.Raw], T] = msgspec.json.Decoder(fast).decode
        self._slow = slow

    def __call__(self, value: JsonValue) -> T:
        """Decodes a value. Raises msgspec.DecodeError or RecursionError, InvalidArgument for text that is not UTF-8."""
        try:
            if isinstance(value, msgspec.Raw):
                return self.raw(value)
            return msgspec.convert(value, type=self._slow)  # type: ignore[no-any-return]
        except UnicodeError:  # the slow parser takes half of a surrogate pair for a character
            raise not_utf8() from None


_OBJECT: ValueDecoder[dict[str, JsonValue]] = ValueDecoder(dict[str, msgspec.Raw], dict[str, object])
_OBJECTS: ValueDecoder[list[dict[str, JsonValue]]] = ValueDecoder(list[dict[str, msgspec.Raw]], list[dict[str, object]])


def first_character(value: JsonValue) -> str:
    """Returns the character a value begins with: '[', '{' or another; '' where there is none."""
    if isinstance(value, msgspec.Raw):
        found = _FIRST.match(value)
        return found[1].decode("latin-1") if found else ""
    return "[" if isinstance(value, list) else "{" if isinstance(value, dict) else json.dumps(value)[0]


def first_element(value: JsonValue) -> str:
    """Returns the character a list's first element begins with; ']' where it is empty, '' where the value is no
    list."""
    if isinstance(value, msgspec.Raw):
        found = _SECOND.match(value)
        return found[1].decode("latin-1") if found else ""
    if not isinstance(value, list):
        return ""
    return first_character(value[0]) if value else "]"


def first_of_first(value: JsonValue) -> str:
    """Returns the character that the first element of a list's first element begins with; as `first_element` where that
    is no list."""
    if isinstance(value, msgspec.Raw):
        found = _THIRD.match(value)
        return found[1].decode("latin-1") if found else ""
    return first_element(value[0]) if isinstance(value, list) and value else ""


def first_is_base64(value: JsonValue) -> bool:
    """Whether a list's first element is `{"b64": "…"}`, which is a value and no object of named ones."""
    if isinstance(value, msgspec.Raw):
        return _LONE_B64.match(value) is not None
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and first.keys() == {"b64"} and isinstance(first["b64"], str)


def members(value: JsonValue, what: str) -> dict[str, JsonValue]:
    """Returns an object's members, undecoded. Raises InvalidArgument where `value` is not an object, or names one
    twice."""
    try:
        found = _OBJECT(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(f"{what} must be an object of named values: {error}") from None
    if isinstance(value, msgspec.Raw):
        check_objects(value, [found])  # type: ignore[list-item]
    return found


def objects(value: JsonValue, what: str) -> list[dict[str, JsonValue]]:
    """Returns the objects of a list, their members undecoded. Raises InvalidArgument for any other element, and for a
    member that is named twice."""
    try:
        found = _OBJECTS(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(f"{what} must be a list of which all elements are objects, or none: {error}") from None
    if isinstance(value, msgspec.Raw):
        check_objects(value, found)  # type: ignore[arg-type]
    return found


def joined(values: list[JsonValue]) -> JsonValue:
    """Joins several undecoded values into one list."""
    if all(isinstance(value, msgspec.Raw) for value in values):
        return msgspec.Raw(b"[" + b",".join(values) + b"]")  # type: ignore[arg-type]
    return values
