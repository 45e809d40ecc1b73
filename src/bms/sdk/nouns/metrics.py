"""Converts metrics to floats; JSON carries NaN and infinities as words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from bms.core.formats.figures import Figure, numbers

if TYPE_CHECKING:
    Numbers: TypeAlias = dict[str, float]
else:
    Numbers = dict[str, Figure]  # as they are decoded, before `as_numbers`


def as_numbers(told: msgspec.Struct, metrics: Mapping[str, Figure]) -> None:
    """Converts the struct's metrics to floats, in its `__post_init__`."""
    msgspec.structs.force_setattr(told, "metrics", numbers(metrics))
