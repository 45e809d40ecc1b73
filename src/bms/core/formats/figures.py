"""Floating-point numbers in JSON, which has no NaN and no infinities: those are written as texts.

JSON has no NaN and no infinities. Metrics and reports have, and a loss that became NaN must not be shown as the last
good one. They are the texts "NaN", "Infinity" and "-Infinity", as in the JSON of protocol buffers
(https://protobuf.dev/programming-guides/json/), wherever a metric is written: jobs, versions, events, tables, the API.
"""

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

Word: TypeAlias = Literal["NaN", "Infinity", "-Infinity"]
Figure: TypeAlias = float | Word


def figure(value: float) -> Figure:
    """Returns `value` as JSON can hold it: a number, or "NaN", "Infinity" or "-Infinity"."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def figures(values: Mapping[str, Figure] | Mapping[str, float]) -> dict[str, Figure]:
    return {name: figure(as_float(value)) for name, value in values.items()}


def as_float(value: Figure) -> float:
    """Returns the float that such a JSON value means."""
    return float(value)


def numbers(values: Mapping[str, Figure] | Mapping[str, float]) -> dict[str, float]:
    return {name: as_float(value) for name, value in values.items()}


def carried(value: object) -> object:
    """Converts to plain lists, dictionaries and scalars, with texts in place of floats that JSON does not have."""
    if isinstance(value, float):
        return figure(value)
    if isinstance(value, dict):
        return {name: carried(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [carried(each) for each in value]
    return value
