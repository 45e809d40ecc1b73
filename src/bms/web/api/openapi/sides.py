"""Distinguishes schemas of bodies from those of answers: a body has no further members, an answer has all of its
own."""

from collections.abc import Iterable
from typing import Any, get_args, get_origin

from msgspec.inspect import CollectionType, DictType, StructType, Type, UnionType, type_info

Schema = dict[str, Any]


def sided(components: dict[str, Schema], bodies: Iterable[Any], answers: Iterable[Any]) -> dict[str, Schema]:
    """Adapts `components`, by name, to bodies and answers. What is in both is as bodies are."""
    asked, given = _structs(bodies), _structs(answers)
    done = dict(components)
    for name, schema in components.items():
        if "properties" not in schema:
            continue
        if name in asked:
            done[name] = {**schema, "additionalProperties": False}
        elif name in given and not given[name].__struct_config__.omit_defaults:
            members = {member: _without_default(each) for member, each in schema["properties"].items()}
            done[name] = {**schema, "properties": members, "required": list(members)}
    return done


def _without_default(schema: Schema) -> Schema:
    """Drops a default from what answers always have: it is for what may be left out."""
    return {word: value for word, value in schema.items() if word != "default"}


def _structs(kinds: Iterable[Any]) -> dict[str, Any]:
    """Returns all types that these hold, by the names of their schemas."""
    found: dict[str, Any] = {}
    for kind in kinds:
        _walk(type_info(kind), found)
    return found


def _walk(kind: Type, found: dict[str, Any]) -> None:
    if isinstance(kind, StructType):
        name = _name(kind.cls)
        if name not in found:
            found[name] = get_origin(kind.cls) or kind.cls
            for field in kind.fields:
                _walk(field.type, found)
    elif isinstance(kind, UnionType):
        for each in kind.types:
            _walk(each, found)
    elif isinstance(kind, DictType):
        _walk(kind.value_type, found)
    elif isinstance(kind, CollectionType):
        _walk(kind.item_type, found)


def _name(kind: Any) -> str:
    """Returns the name that msgspec gives a schema: `Page[Job]` is `Page_Job_`."""
    inner = "".join(f"_{each.__name__}_" for each in get_args(kind))
    return f"{(get_origin(kind) or kind).__name__}{inner}"
