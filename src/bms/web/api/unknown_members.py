"""Refuses members that a body's type does not have, however deep they are.

What answers hold, too, is read by clients of any age, so that its types take what they don't know; a server that did
would pass over a misspelt member in silence.
"""

from functools import cache
from typing import Any

import msgspec
from msgspec.inspect import DictType, ListType, SetType, StructType, Type, UnionType, VarTupleType, type_info

from bms.core.errors import InvalidArgument

_Lists = (ListType, SetType, VarTupleType)
_read: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def check_members(raw: bytes, kind: Any) -> None:
    """Raises InvalidArgument, which names member and place, for a body that was decoded as `kind` already."""
    try:
        whole = _read.decode(raw or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # in a member that was passed over
        raise InvalidArgument(f"the body is not what this path takes: {error}") from None
    _check(whole, _known(kind), "$")


@cache
def _known(kind: Any) -> Type:
    return type_info(kind)


def _check(value: object, kind: Type, place: str) -> None:
    if isinstance(kind, UnionType):
        kind = next((each for each in kind.types if _is_of(value, each)), kind)
    if isinstance(value, list) and isinstance(kind, _Lists):
        for index, each in enumerate(value):
            _check(each, kind.item_type, f"{place}[{index}]")
    elif isinstance(value, dict) and isinstance(kind, DictType):
        for each in value.values():
            _check(each, kind.value_type, f"{place}[...]")
    elif isinstance(value, dict) and isinstance(kind, StructType):
        members = {field.encode_name: field.type for field in kind.fields}
        for name, each in value.items():
            if name in members:
                _check(each, members[name], f"{place}.{name}")
            elif name != kind.tag_field:
                at = "" if place == "$" else f" - at `{place}`"
                raise InvalidArgument(
                    f"the body is not what this path takes: Object contains unknown field `{name[:80]}`{at}"
                )


def _is_of(value: object, kind: Type) -> bool:
    """Whether JSON of this shape was decoded as `kind`, where there are several."""
    if isinstance(value, list):
        return isinstance(kind, _Lists)
    if not isinstance(value, dict):
        return False
    if isinstance(kind, StructType):
        return kind.tag_field is None or value.get(kind.tag_field) == kind.tag
    return isinstance(kind, DictType)
