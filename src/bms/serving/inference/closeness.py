"""Whether two answers to the same rows are the same, beyond rounding: who runs together changes the last digits."""

import numpy as np

from bms.core.tensor import Array

_RTOL, _ATOL = 1e-3, 1e-5
_RTOL_HALF = 1e-2  # of FP16


def close(one: Array, other: Array) -> bool:
    """Rounding is as large as the largest number of the rows allows; all but floating-point numbers must be equal."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    rtol = _RTOL_HALF if one.dtype.itemsize == 2 else _RTOL
    here, there = one.astype(np.float64), other.astype(np.float64)
    largest = np.max(np.abs(here), initial=1.0, where=np.isfinite(here))
    return np.allclose(there, here, rtol=rtol, atol=_ATOL * float(largest), equal_nan=True)
