"""Tolerance for rounding: whether two answers to the same rows are equal but for the last digits, which change with the
batch."""

from typing import Any, cast

import numpy as np

from bms.core.tensors.tensor import Array

_RELATIVE, _RELATIVE_HALF = 1e-3, 1e-2  # of FP16


def close(one: Array, other: Array, relative: float | None = None, floor: float = 1.0) -> bool:
    """Whether two arrays are equal but for rounding, which is judged by the largest number of the rows, at least
    `floor`; all but floating-point numbers must be equal. `relative`: the difference that may be rounding, beside
    `loosest`."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    relative = loosest(one.dtype) if relative is None else relative
    here, there = one.astype(np.float64), other.astype(np.float64)
    largest = float(np.max(np.abs(here), initial=floor, where=np.isfinite(here)))
    least = max(relative / 100, (1 if one.dtype.itemsize == 2 else 16) * precision(one.dtype)) * largest
    return np.allclose(there, here, rtol=relative, atol=least, equal_nan=True)


def loosest(dtype: np.dtype[Any]) -> float:
    """Returns the largest relative difference between floating-point numbers that may be rounding."""
    return _RELATIVE_HALF if dtype.itemsize == 2 else _RELATIVE


def precision(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(cast(Any, dtype)).eps)
