"""Whether a model answers as the one it was made of: every output against the output of that name."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import FailedPrecondition
from bms.core.tensor import Array

_REFUSED = "it is not registered"


def largest_difference(parent: Mapping[str, Array], child: Mapping[str, Array], tolerance: float) -> float:
    """The largest absolute difference of any floating-point output of the parent; all others are equal.

    Raises FailedPrecondition for outputs that the child lacks (both sides are listed), for other shapes, for a
    difference beyond `tolerance`, and for labels or whole numbers that differ at all.
    """
    missing = [name for name in parent if name not in child]
    if missing:
        raise FailedPrecondition(
            f"the converted model gives {_names(child)}, its parent {_names(parent)}: {_names(missing)} can't be "
            f"compared, and {_REFUSED}"
        )
    largest = 0.0
    for name, old in parent.items():
        new = child[name]
        if old.shape != new.shape:
            raise FailedPrecondition(
                f"output {name!r} of the converted model has shape {list(new.shape)}, its parent's {list(old.shape)}: "
                f"{_REFUSED}"
            )
        if old.dtype.kind == "f" and new.dtype.kind == "f":
            largest = max(largest, _difference(old.astype(np.float64), new.astype(np.float64)))
        elif not np.array_equal(old, new):
            rows = int(np.any((old != new).reshape(len(old), -1), axis=1).sum())
            raise FailedPrecondition(
                f"output {name!r} of the converted model differs from its parent on {rows} of {len(old)} rows: "
                f"{_REFUSED}"
            )
        if not largest <= tolerance:
            raise FailedPrecondition(
                f"output {name!r} of the converted model differs from its parent by up to {largest:.3g} on {len(old)} "
                f"rows; the tolerance is {tolerance:.3g}: {_REFUSED}"
            )
    return largest


def _difference(old: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    """Infinite where only one of the two is a number; equal infinities, and NaN on both sides, don't differ."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(old - new)
    apart[(old == new) | (np.isnan(old) & np.isnan(new))] = 0.0
    return float(np.max(np.nan_to_num(apart, nan=np.inf, posinf=np.inf), initial=0.0))


def _names(outputs: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in outputs)
