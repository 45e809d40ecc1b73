"""Floating-point numbers in JSON, which has no NaN and no infinities: those are written as texts.

Metrics and reports have such numbers, and a loss that became NaN must not be shown as the last
good one. They are the texts "NaN", "Infinity" and "-Infinity", as in the JSON of protocol buffers
(https://protobuf.dev/programming-guides/json/), wherever a metric is written: jobs, versions, events, tables, the API.
"""

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

Word: TypeAlias = Literal["NaN", "Infinity", "-Infinity"]
JsonNumber: TypeAlias = float | Word


def json_number(value: float) -> JsonNumber:
    """Returns `value` as JSON can hold it: a number, or "NaN", "Infinity" or "-Infinity"."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def json_numbers(values: Mapping[str, JsonNumber] | Mapping[str, float]) -> dict[str, JsonNumber]:
    return {name: json_number(as_float(value)) for name, value in values.items()}


def as_float(value: JsonNumber) -> float:
    """Returns the float that such a JSON value means."""
    return float(value)


def numbers(values: Mapping[str, JsonNumber] | Mapping[str, float]) -> dict[str, float]:
    return {name: as_float(value) for name, value in values.items()}


def json_ready(value: object) -> object:
    """Converts to plain lists, dictionaries and scalars, with texts in place of floats that JSON does not have."""
    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, dict):
        return {name: json_ready(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(each) for each in value]
    return value
