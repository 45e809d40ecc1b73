"""Converts metrics to floats; JSON carries NaN and infinities as words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from bms.core.formats.json_numbers import JsonNumber, numbers

if TYPE_CHECKING:
    Numbers: TypeAlias = dict[str, float]
else:
    Numbers = dict[str, JsonNumber]  # as they are decoded, before `as_numbers`


def as_numbers(told: msgspec.Struct, metrics: Mapping[str, JsonNumber]) -> None:
    """Converts the struct's metrics to floats, in its `__post_init__`."""
    msgspec.structs.force_setattr(told, "metrics", numbers(metrics))
