"""What doubles and floats hold exactly."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?", re.ASCII)
_LONGEST = 330  # digits; no finite double has more before its point
_LARGEST = 1 << 53  # every integer up to it is a double
SMALLEST_INT64, LARGEST_INT64 = -(1 << 63), (1 << 63) - 1


def in_float32(values: NDArray[Any]) -> bool:
    """Whether every one of `values` [float64] is a float32 too; NaN and the infinities are."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = values.astype(np.float32)
    return bool(np.array_equal(narrow, values, equal_nan=True))


def in_int64(value: int) -> bool:
    return SMALLEST_INT64 <= value <= LARGEST_INT64


def in_float64(value: int) -> bool:
    """Whether a double is this integer."""
    if -_LARGEST <= value <= _LARGEST:
        return True
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def float_of(text: str) -> float | None:
    """The double nearest to a decimal number, or None where that says something else: an integer would change, a
    finite number become infinite or a small one zero."""
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        return float(text) if len(text) <= _LONGEST and in_float64(int(whole[1])) else None
    value = float(text)
    if value in (0.0, np.inf, -np.inf) and any(digit in "123456789" for digit in re.split("[eE]", text)[0]):
        return None
    return value
