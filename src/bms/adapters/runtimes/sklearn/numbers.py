"""Determines the floating-point type that a fitted estimator computes in: double precision, unless it was fitted on
single.

scikit-learn computes in the type of what it is given and keeps what it learnt in that of what it was fitted on. An
estimator fitted on doubles holds nothing in single precision; one fitted on float32 mostly does (`coef_`, `coefs_`,
`components_`, `cluster_centers_`, `_fit_X`), and some then take nothing else. Where nothing tells, doubles are right
for both: every float32 is one. XGBoost computes in single precision, whatever it is given.
"""

from typing import Any

import numpy as np

from bms.adapters.runtimes.sklearn.boosters import library_of
from bms.adapters.runtimes.sklearn.parts import readers, steps_of
from bms.core.tensors.tensor import DType


def precision_of(estimator: Any) -> DType:
    """FP32 where the fitted arrays of what reads the rows show that these were float32, else FP64."""
    return "FP32" if _single(estimator) else "FP64"


def _single(estimator: Any) -> bool:
    steps = steps_of(estimator)
    if steps:
        for step in steps:
            if _single(step):
                return True
            if not _keeps_single(step):  # whatever it was given, what comes after it says nothing of that
                return False
        return False
    inner = [reader.estimator for reader in readers(estimator)]
    if inner:
        return any(map(_single, inner))
    return library_of(estimator) == "xgboost" or np.dtype(np.float32) in _types(estimator)


def _types(estimator: Any) -> set[np.dtype[Any]]:
    """The types of the arrays that it learnt, also of those in lists (layers of a network)."""
    found = set()
    for value in vars(estimator).values() if hasattr(estimator, "__dict__") else ():
        for array in value if isinstance(value, list) else [value]:
            if isinstance(array, np.ndarray):
                found.add(array.dtype)
    return found


def _keeps_single(transformer: Any) -> bool:
    """Whether it says that it gives float32 for float32 (scikit-learn's tag `preserves_dtype`)."""
    tags = getattr(transformer, "__sklearn_tags__", None)
    told = getattr(tags() if tags is not None else None, "transformer_tags", None)
    return "float32" in (getattr(told, "preserves_dtype", None) or ())
