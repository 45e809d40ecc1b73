"""Makes rows of numbers on which conversions go wrong: large whole numbers, extreme magnitudes, values beside a split.

A data set shows what is usual. A converted model that rounds doubles is right on most of it and wrong on the next unix
time; one that compares `<` where its parent has `<=` differs only on a threshold.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bms.core.tensors.tensor import NUMPY, Array, DType

_LARGE = {
    # Two unix times, ids above 2**24 and 2**31, the largest whole number without a gap; and half of it.
    "FP64": (1_764_000_010.0, 1_764_000_011.0, 2.0**24 + 1, 2.0**31 + 7, 2.0**53 - 1, 2.0**52 + 0.5),
    "FP32": (2.0**24 - 1, 1e6 + 1.0, 65_537.0),
    "INT64": (1_764_000_010, 1_764_000_011, 2**24 + 1, 2**31 + 7, 2**53 + 1),
}
_SCALES = {"FP64": (1e-9, 1e-3, -1, 1e3, 1e9), "FP32": (1e-3, -1, 10), "INT64": (-1, 1000)}
_BASES, _COLUMNS, _SPLITS = 8, 64, 400


def awkward_rows(rows: Array, dtype: DType, splits: Sequence[tuple[int, float]]) -> Array:
    """Awkward rows, [many, features] of `dtype`, made of these real rows; `splits` are (feature, threshold) of trees
    within.

    Every column in turn holds large values (of very many columns, some), then a missing one.
    """
    kind = NUMPY[dtype]
    base: NDArray[np.generic] = np.asarray(rows[:_BASES]).astype(kind)
    features = base.shape[1]
    made = [base, np.zeros((1, features), kind), np.ones((1, features), kind)]
    with np.errstate(all="ignore"):
        made += [(base.astype(np.float64) * scale).astype(kind) for scale in _SCALES[dtype]]
    columns = np.unique(np.linspace(0, features - 1, min(features, _COLUMNS)).astype(int))
    values: list[float] = [*_LARGE[dtype], *([float("nan")] if kind.kind == "f" else [])]
    changes = [(int(column), value) for column in columns for value in values]
    step = max(1, len(splits) // _SPLITS)
    for feature, threshold in splits[::step]:
        changes += [(feature, value) for value in _beside(threshold, kind)]
    changed = np.repeat(base[:1], len(changes), axis=0)
    for row, (column, value) in enumerate(changes):
        changed[row] = base[row % len(base)]
        changed[row, column] = value
    made.append(changed)
    return np.concatenate(made)


def _beside(threshold: float, kind: np.dtype[np.generic]) -> list[float]:
    """The threshold and its neighbours in this type, and in single precision, to which trees round what they
    compare."""
    if kind.kind != "f":
        return [float(np.floor(threshold)), float(np.floor(threshold)) + 1]
    found: list[float] = []
    for type in (kind, np.dtype(np.float32)):
        at = np.array([threshold], dtype=type)
        for there in (at, np.nextafter(at, -np.inf, dtype=type), np.nextafter(at, np.inf, dtype=type)):
            found.append(float(there[0]))
    return found
