"""Walks the parts of a fitted scikit-learn model: estimators within estimators, and which of them see the rows
themselves."""

from collections.abc import Iterator, Sequence
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

# Attributes in which meta-estimators keep what they fitted on the rows that they were handed.
_FITTED_ON_ROWS = (
    "best_estimator_",
    "calibrated_classifiers_",
    "estimator_",
    "estimators_",
    "regressor_",
    "classifier_",
)
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic)


class ColumnReader(NamedTuple):
    """A part of a model that is handed these columns (places) of the rows, or all."""

    estimator: Any
    columns: Sequence[int] | None = None


def parts(model: object) -> Iterator[Any]:
    """Lists `model` and every object of a class within it, each once, however deep: steps, fitted clones, what they
    hold."""
    seen: set[int] = set()
    waiting: list[object] = [model]
    while waiting:
        one = waiting.pop()
        if isinstance(one, _PLAIN) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            waiting += [value for value in one.values() if not isinstance(value, _PLAIN)]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += [value for value in one if not isinstance(value, _PLAIN)]
        elif isinstance(one, np.ndarray):
            if one.dtype == object:
                waiting += [value for value in one.ravel().tolist() if not isinstance(value, _PLAIN)]
        elif isinstance(one, partial):
            yield one
            waiting += [one.func, *one.args, *one.keywords.values(), *vars(one).values()]
        elif hasattr(one, "__dict__") and not isinstance(one, type | ModuleType):
            yield one
            waiting += [value for value in vars(one).values() if not isinstance(value, _PLAIN)]


def steps_of(estimator: Any) -> list[Any]:
    """The steps of a pipeline that do something, in order; none for what is no pipeline."""
    steps = getattr(estimator, "steps", None)
    if not isinstance(steps, list):
        return []
    return [step for _, step in steps if step is not None and step != "passthrough"]


def readers(estimator: Any) -> list[ColumnReader]:
    """The parts that a meta-estimator hands its rows to; none for a plain estimator, and for pipelines and unions of
    columns."""
    if type(estimator).__name__ in ("FrozenEstimator", "_CalibratedClassifier"):
        return [ColumnReader(estimator.estimator)]
    found: list[ColumnReader] = []
    for name in _FITTED_ON_ROWS:
        held = getattr(estimator, name, None)
        # A list is taken as it is: as an array, its pipelines would fall apart into their steps.
        inner = held.ravel().tolist() if isinstance(held, np.ndarray) else held if isinstance(held, list) else [held]
        places = getattr(estimator, "estimators_features_", None) if name == "estimators_" else None
        for number, one in enumerate(inner):
            if hasattr(one, "__dict__") and not hasattr(one, "tree_"):  # of which forests have thousands
                found.append(ColumnReader(one, None if places is None else list(places[number])))
    return found
