"""Parameters of a model: one value for a whole request beside its inputs, such as a temperature."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.formats.whole_numbers import without_point

ParameterType = Literal["boolean", "integer", "number", "text", "datetime", "object"]
Value = bool | int | float | str | None
_encode = msgspec.json.Encoder(order="sorted").encode
_WORDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "text": "a text",
    "datetime": "a date-time of ISO 8601, as a text",
    "object": "an object",
}
_NOT_GIVEN = object()
# Of the Open Inference Protocol's parameters those that are its own, Triton's or MLServer's; others are the model's.
OWN_PARAMETERS = frozenset(
    {"timeout", "priority", "binary_data_output", "signature_name", "content_type", "headers", "sequence_id"}
)


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One parameter of a signature, and its default. With `many` it is a list of such values.

    The default of an object is its JSON.
    """

    name: str
    type: ParameterType
    default: Value | tuple[Value, ...] = None
    many: bool = False


def chosen_parameters(known: tuple[Parameter, ...], given: object) -> bytes:
    """Returns the values of `given`, a mapping by name, that are not the defaults, as the JSON of an object in the
    order of the names; empty where there are none, so that such requests are like those without parameters.

    Lists and objects may come as their JSON, since some wires have nothing else for them. Raises InvalidArgument for
    what the signature does not have, and for values of another type.
    """
    if given is None:
        return b""
    if not isinstance(given, Mapping):
        raise InvalidArgument(f"the parameters must be an object of values by name, not a {type(given).__name__}")
    if not given:
        return b""
    unknown = [str(name) for name in given if all(name != one.name for one in known)]
    if unknown:
        names = ", ".join(repr(name[:80]) for name in unknown[:10])
        raise InvalidArgument(f"unknown parameter {names}: this model takes {parameters_text(known)}")
    chosen = {}
    for one in known:
        value = given.get(one.name, _NOT_GIVEN)
        if value is _NOT_GIVEN or value is None:
            continue
        value = _read(one, value)
        if not _is_default(one, value):
            chosen[one.name] = value
    return _encode(chosen) if chosen else b""


def read_parameters(chosen: bytes) -> dict[str, Any]:
    """Parses what `chosen_parameters` wrote."""
    read: dict[str, Any] = msgspec.json.decode(chosen) if chosen else {}
    return read


def parameters_text(known: tuple[Parameter, ...]) -> str:
    """Formats parameters for people: names, types and defaults."""
    if not known:
        return "no parameters"
    return ", ".join(f"{one.name!r} {one.type}{'[]' * one.many} (default {_shown(one)})" for one in known[:40])


def _shown(one: Parameter) -> str:
    if one.type == "object" and isinstance(one.default, str):
        return one.default[:80]
    return msgspec.json.encode(one.default).decode()[:80]


def _read(one: Parameter, value: Any) -> Any:
    if isinstance(value, str) and (one.many or one.type == "object"):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _wrong(one, value) from None
    values = value if one.many else [value]
    if not isinstance(values, list | tuple):
        raise _wrong(one, value)
    if one.type == "integer":
        values = [without_point(each) for each in values]
    if not all(_fits(one.type, each) for each in values):
        raise _wrong(one, value)
    return values if one.many else values[0]


def _fits(kind: ParameterType, value: object) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, Mapping) if kind == "object" else isinstance(value, str)


def _is_default(one: Parameter, value: Any) -> bool:
    """Whether a value is exactly the default: 1 is not 1.0 to a model that looks."""
    if one.type == "object":
        return isinstance(one.default, str) and _encode(value) == _encode(msgspec.json.decode(one.default))
    return _encode(value) == _encode(one.default)


def _wrong(one: Parameter, value: object) -> InvalidArgument:
    wanted = f"a list of values, each {_WORDS[one.type]}" if one.many else _WORDS[one.type]
    return InvalidArgument(f"parameter {one.name!r} is {repr(value)[:80]}, expected {wanted}")
