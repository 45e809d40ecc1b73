"""Checks which numbers doubles and floats represent exactly."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?", re.ASCII)
_LONGEST = 330  # digits; no finite double has more before its point
_SURE = 15  # digits that every double of normal size keeps
_MOST = 767  # digits of the longest double
_SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)
_LARGEST = 1 << 53  # every integer up to it is a double
SMALLEST_INT64, LARGEST_INT64 = -(1 << 63), (1 << 63) - 1


def in_float32(values: NDArray[Any]) -> bool:
    """Whether every one of `values` [float64] is exact as float32; NaN and the infinities are."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = values.astype(np.float32)
    return bool(np.array_equal(narrow, values, equal_nan=True))


def in_int64(value: int) -> bool:
    return SMALLEST_INT64 <= value <= LARGEST_INT64


def in_float64(value: int) -> bool:
    """Whether this integer is exact as a double."""
    if -_LARGEST <= value <= _LARGEST:
        return True
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def float_of(text: str) -> float | None:
    """The double nearest to a decimal number, or None where it differs too much: a digit in front of the point would
    change, a finite number become infinite or a small one zero."""
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        return float(text) if len(text) <= _LONGEST and in_float64(int(whole[1])) else None
    value = float(text)
    if value in (0.0, np.inf, -np.inf) and any(digit in "123456789" for digit in re.split("[eE]", text)[0]):
        return None
    return None if abs(value) >= _LARGEST and is_rounded(text, value) else value


def is_rounded(text: str, value: float) -> bool:
    """Whether the decimal number `text` has digits that `value`, the double nearest to it, has not when it is written
    with as many: 0.1 has none, 9007199254740993.5 has."""
    if len(text) <= _SURE and (abs(value) >= _SMALLEST_NORMAL or value == 0):
        return False
    digits = _digits(text)
    if not digits or not np.isfinite(value) or (len(digits) <= _SURE and abs(value) >= _SMALLEST_NORMAL):
        return False
    return len(digits) > _MOST or _digits(f"{value:.{len(digits) - 1}e}") != digits


def _digits(text: str) -> str:
    """Those that count, without a point."""
    return re.split("[eE]", text)[0].lstrip("+-").replace(".", "").strip("0")
