"""Tells missing values of a model's answer from its numbers, truths and texts."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.core.tensors.tensor import NUMPY, Array

_EXACT = 2**53  # beyond it, float64 has not every integer
_FITTING = {"BYTES": {"text"}, "BOOL": {"truth"}, "INT": {"integer"}, "UINT": {"integer"}, "FP": {"integer", "number"}}
_FILLERS: dict[str, Any] = {"BYTES": b"", "BOOL": False, "INT": 0, "UINT": 0, "FP": np.nan}


class Gapped(NamedTuple):
    """Values of one type, and where they are missing, the filler standing there; None: nowhere, or they are NaN."""

    values: Array
    gaps: NDArray[np.bool_] | None = None


def gapped(pandas: Any, value: object, dtype: str | None) -> Gapped | None:
    """Converts objects, some of which may be missing, to values of `dtype`; None: of the type that they have. Returns
    None for what is no such values, and where nothing tells a type."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    if array.dtype.kind == "f" and dtype is not None and dtype.startswith(("INT", "UINT")):
        return _integers(array, dtype)
    if array.dtype.kind != "O":
        return None
    # Of lists alone NumPy would make texts of numbers, and numbers of truths.
    flat = array.ravel().tolist()
    gaps = np.array([_is_missing(pandas, one) for one in flat], dtype=np.bool_)
    kinds = {_kind(one) for one, missing in zip(flat, gaps.tolist(), strict=True) if not missing}
    dtype = dtype or _dtype(kinds)
    if dtype is None or not kinds <= _FITTING[family := dtype.rstrip("0123456789")]:
        return None
    filled = [_FILLERS[family] if missing else one for one, missing in zip(flat, gaps.tolist(), strict=True)]
    if family == "FP" and any(_kind(one) == "integer" and abs(one) > _EXACT for one in filled):
        return None
    made = np.empty(len(filled), dtype=object)
    made[:] = filled
    try:
        values = (made if dtype == "BYTES" else made.astype(NUMPY[dtype])).reshape(array.shape)
    except OverflowError:
        return None
    return Gapped(values, gaps.reshape(array.shape) if gaps.any() and family != "FP" else None)


def _integers(array: Array, dtype: str) -> Gapped | None:
    """Integers that pandas made floating-point numbers of, since some are missing."""
    gaps: Any = np.isnan(array)
    filled: Any = np.where(gaps, 0, array)
    limits = np.iinfo(NUMPY[dtype])  # type: ignore[type-var]
    exact = (np.abs(filled) < _EXACT) & (filled >= limits.min) & (filled <= limits.max) & (filled == np.trunc(filled))
    return Gapped(filled.astype(NUMPY[dtype]), gaps) if gaps.any() and exact.all() else None


def _is_missing(pandas: Any, value: object) -> bool:
    return value is None or value is pandas.NA or value is pandas.NaT or (isinstance(value, float) and value != value)


def _kind(value: object) -> str:
    if isinstance(value, str | bytes):
        return "text"
    if isinstance(value, bool | np.bool_):
        return "truth"
    if isinstance(value, int | np.integer):
        return "integer"
    return "number" if isinstance(value, float | np.floating) else "other"


def _dtype(kinds: set[str]) -> str | None:
    if len(kinds) == 1:
        return {"text": "BYTES", "truth": "BOOL", "integer": "INT64", "number": "FP64"}.get(next(iter(kinds)))
    return "FP64" if kinds == {"integer", "number"} else None
