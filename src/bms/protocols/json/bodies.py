"""Decodes whole JSON bodies into one struct, and accepts the further members that other servers' clients send."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, get_origin

import msgspec

from bms.core.errors import InvalidArgument
from bms.protocols.json.repeats import not_utf8, once, quotes, refuse_repeats
from bms.protocols.json.tensors import MOST_OBJECTS

T = TypeVar("T")
OTHER = "other"
_MARK = 34  # a quotation mark
FOREIGN = frozenset(  # what clients are known to send, and what is counted by its name
    {"model", "model_name", "model_version", "parameters", "params", "metadata", "headers", "user", "stream"}
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOT_FINITE = (b"NaN", b"Infinity")
_members: Callable[[bytes | memoryview], dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_rows = msgspec.json.Decoder(list[dict[str, msgspec.Raw]] | None).decode


Read = tuple[T, tuple[str, ...]]
"""A body, and the members that nothing here reads: their names, where they are of `FOREIGN`, else `OTHER`."""


class BodyDecoder(Generic[T]):
    """Decodes whole bodies into one struct.

    `strict` has Raw fields and forbids unknown members, which is how the usual body is read; `loose` is the same
    without that; `slow` is as loose, of plain Python values, for bodies with bare NaN or Infinity. `parts` are the
    structs of members that are lists of objects. `quotes_of` counts the quotation marks that a body was written with.
    """

    def __init__(
        self,
        strict: type[T],
        loose: type[T],
        slow: type[T],
        quotes_of: Callable[[T], int],
        **parts: object,
    ) -> None:
        self._strict: Callable[[bytes | memoryview], T] = msgspec.json.Decoder(strict).decode
        self._loose: Callable[[bytes | memoryview], T] = msgspec.json.Decoder(loose).decode
        self._slow = slow
        self._known = _names(slow)
        self._parts = {name: _names(struct) for name, struct in parts.items()}
        self._quotes_of = quotes_of

    def __call__(self, body: bytes | memoryview) -> Read[T]:
        """Decodes a body. Raises InvalidArgument with the parser's reason, and for an object that has a name twice."""
        try:
            parsed = self._strict(body)
        except msgspec.ValidationError:
            return self._read_loosely(body)
        except _FAULTS as error:
            return self._failed(body, error)
        # Numbers mostly come last, and are passed faster by searching than by counting.
        marks = body.count(_MARK, 0, body.rfind(_MARK) + 1) if type(body) is bytes else quotes(body)
        if marks > 2 and marks != self._quotes_of(parsed):  # two: of the one name that there is
            refuse_repeats(body)
        return parsed, ()

    def _read_loosely(self, body: bytes | memoryview) -> Read[T]:
        try:
            parsed, given = self._loose(body), _members(body)
            refuse_repeats(body)
            parts = {name: _rows(given[name]) or [] for name in self._parts if name in given}
        except _FAULTS as error:
            return self._failed(body, error)
        return parsed, self._ignored(given, parts)

    def _failed(self, body: bytes | memoryview, error: Exception) -> Read[T]:
        if bytes(body[:3]) == BOM_UTF8 != bytes(body[3:6]):  # of Windows' files; RFC 8259 lets a reader pass over it
            return self(bytes(body[3:]))
        kind = _image_type(bytes(body[:12]))
        if kind is not None:
            raise InvalidArgument(
                f"the body is an image, not JSON: send it with the header 'Content-Type: {kind}' to "
                "/v1/models/NAME:predict or :classify"
            )
        if isinstance(error, RecursionError):
            raise InvalidArgument("the body is nested too deeply: tensors nest at most 16 lists") from None
        if isinstance(error, UnicodeDecodeError):
            raise not_utf8() from None
        if isinstance(error, msgspec.ValidationError):
            raise InvalidArgument(f"the body is not what was expected: {error}") from None
        data = bytes(body)
        if any(word in data for word in _NOT_FINITE):
            return self._read_slowly(data)
        raise InvalidArgument(f"the body is not JSON: {error}") from None

    def _read_slowly(self, data: bytes) -> Read[T]:
        if (count := data.count(b",")) > MOST_OBJECTS:
            raise InvalidArgument(
                f"the body has NaN or Infinity and {count} values, and is read one by one for that: at most "
                f"{MOST_OBJECTS} are taken at once, send them in parts, or as binary"
            )
        try:
            given = json.loads(data, object_pairs_hook=once)
            if _SURROGATE.search(data):
                json.dumps(given, ensure_ascii=False).encode()  # the slow parser alone takes half of a pair
            parsed = msgspec.convert(given, type=self._slow)
        except UnicodeEncodeError:
            raise not_utf8() from None
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"the body is not what was expected: {error}") from None
        return parsed, self._ignored(given, {name: given.get(name) or [] for name in self._parts})

    def _ignored(self, given: Mapping[str, Any], parts: Mapping[str, list[Any]]) -> tuple[str, ...]:
        unknown = [name for name in given if name not in self._known]
        for name, rows in parts.items():
            unknown += [member for row in rows for member in row if member not in self._parts[name]]
        return tuple(name if name in FOREIGN else OTHER for name in unknown)


def _image_type(begin: bytes) -> str | None:
    """Returns the content type of an image by its first bytes."""
    if begin.startswith(b"\x89PNG"):
        return "image/png"
    if begin.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/webp" if begin[:4] == b"RIFF" and begin[8:] == b"WEBP" else None


def _names(struct: object) -> frozenset[str]:
    """Returns the names of a struct's members; a plain dictionary has none, and ignores none."""
    if get_origin(struct) is dict:
        return frozenset()
    return frozenset(field.encode_name for field in msgspec.structs.fields(struct))  # type: ignore[arg-type]
