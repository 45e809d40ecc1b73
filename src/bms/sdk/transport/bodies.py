"""Encodes request bodies without members that have their default, so that servers of any version take them."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
from msgspec import NODEFAULT


def without_defaults(given: msgspec.Struct) -> dict[str, Any]:
    """What `given` says beside its defaults; None says nothing."""
    config = given.__struct_config__
    body: dict[str, Any] = {} if config.tag_field is None else {config.tag_field: config.tag}
    for field in msgspec.structs.fields(given):
        value = getattr(given, field.name)
        default = field.default if field.default_factory is NODEFAULT else field.default_factory()
        if value is not None and (field.required or value != default):
            body[field.encode_name] = _without_defaults(value)
    return body


def _without_defaults(value: object) -> Any:
    if isinstance(value, msgspec.Struct):
        return without_defaults(value)
    if isinstance(value, Mapping):
        return {name: _without_defaults(each) for name, each in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_without_defaults(each) for each in value]
    return value
