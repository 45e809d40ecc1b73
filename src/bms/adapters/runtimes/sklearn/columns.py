"""Infers the columns that a model was fitted on: which it takes as texts, categories, numbers, or not at all.

Nothing in scikit-learn says a column's type outright, but what was learnt from one does: the levels of an encoder, the
fill of an imputer, the vocabulary of a vectoriser. So the fitted structure is walked: transformers of columns,
pipelines, unions, searches and ensembles, as deep as they go.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from bms.adapters.runtimes.sklearn.boosters import Categories, categories_of
from bms.adapters.runtimes.sklearn.parts import readers, steps_of
from bms.core.tensors.columns import Column, ColumnType, Level

MAX_LEVELS = 256  # kept of a column in its signature: enough to choose from and to try the model on
_DROPPED = "drop"


class Learnt(msgspec.Struct):
    """What was inferred of one column: `used` at all, the `kinds` that the steps which read it saw, the `levels` that
    encoders learnt.

    `none`: what is missing was None in training, not NaN, and an encoder distinguishes the two. `strict`: a value that
    is no level of this category is refused by what reads it, which could not tell it from a missing one in a frame.
    """

    used: bool = False
    kinds: set[ColumnType] = msgspec.field(default_factory=set)
    levels: tuple[Level, ...] = ()
    none: bool = False
    strict: bool = False

    @property
    def column(self) -> Column | None:
        """The column's type; None where nothing was inferred. A column that no step reads may be left out."""
        if not self.used:
            return Column(type="text", optional=True, unread=True)
        if "category" in self.kinds:
            return Column(type="category", categories=self.levels)
        for kind in ("text", "datetime", "boolean", "integer", "number"):
            if kind in self.kinds:
                return Column(type=kind, categories=self.levels[:MAX_LEVELS])
        return None


def learnt_of(model: Any, names: Sequence[str]) -> dict[str, Learnt]:
    """Infers each column of the frame that the fitted `model` takes."""
    walk = _Walk(names)
    walk.visit(model, range(len(names)))
    return {name: walk.learnt[place] for place, name in enumerate(names)}


class _Walk:
    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.learnt = [Learnt() for _ in names]

    def visit(self, estimator: Any, places: Sequence[int]) -> None:
        """Visits an estimator that is handed these of the columns, in this order."""
        if isinstance(estimator, str):  # "passthrough"
            self._use(places, ())
        elif hasattr(estimator, "_transformer_to_input_indices"):
            self._transformers(estimator, places)
        elif steps := steps_of(estimator):
            self._steps(steps, places)
        elif isinstance(union := getattr(estimator, "transformer_list", None), list):
            for _, part in union:
                if part != _DROPPED:
                    self.visit(part, places)
        elif getattr(estimator, "_preprocessor", None) is not None:  # of gradient boosting that takes categories
            self._numbers(places)
            self.visit(estimator._preprocessor, places)
        elif hasattr(estimator, "build_analyzer"):
            self._use(places, ("text",))
        elif isinstance(levels := getattr(estimator, "categories_", None), list) and len(levels) == len(places):
            for place, one in zip(places, levels, strict=True):
                self._levels(place, one)
        elif isinstance(fills := getattr(estimator, "statistics_", None), np.ndarray) and len(fills) == len(places):
            self._fills(estimator, fills, places)
        elif type(estimator).__name__ == "FunctionTransformer":
            self._use(places, ())
        else:
            self._plain(estimator, places)

    def _plain(self, estimator: Any, places: Sequence[int]) -> None:
        """An ensemble or a search is what its members are; any other estimator reads numbers."""
        inner = readers(estimator)
        for reader in inner:
            chosen = places if reader.columns is None else [places[at] for at in reader.columns]
            takes = getattr(reader.estimator, "n_features_in_", len(chosen))
            if reader.columns is not None or takes < len(chosen):  # which of them, by numbers that were learnt
                self._numbers(places)
            self.visit(reader.estimator, chosen if takes >= len(chosen) else [])
        if inner:
            return
        categories = categories_of(estimator) or Categories()
        for at, place in enumerate(places):
            levels = categories.levels.get(at)
            self._use((place,), ("number",) if levels is None else ("category",))
            if levels is not None:
                self.learnt[place].levels, self.learnt[place].strict = levels, categories.strict

    def _transformers(self, estimator: Any, places: Sequence[int]) -> None:
        inputs = estimator._transformer_to_input_indices
        for name, part, _ in estimator.transformers_:
            if not (isinstance(part, str) and part == _DROPPED) and name in inputs:
                self.visit(part, [places[at] for at in inputs[name]])

    def _steps(self, steps: list[Any], places: Sequence[int]) -> None:
        """The first step, and those after it as long as what they are handed is still the columns."""
        for step, after in zip(steps, [*steps[1:], None], strict=True):
            self.visit(step, places)
            if after is None:
                return
            if not _keeps_columns(step) or getattr(after, "n_features_in_", None) != len(places):
                return

    def _numbers(self, places: Iterable[int]) -> None:
        self._use(places, ("number",))

    def _use(self, places: Iterable[int], kinds: Iterable[ColumnType]) -> None:
        for place in places:
            self.learnt[place].used = True
            self.learnt[place].kinds.update(kinds)

    def _levels(self, place: int, levels: Any) -> None:
        given = [level for level in np.asarray(levels).tolist() if not _nan(level)]
        known = [level for level in given if level is not None]
        kind = _kind(known, np.asarray(levels).dtype)
        self._use((place,), (kind,) if kind else ())
        learnt = self.learnt[place]
        learnt.none |= None in given
        if (
            kind in ("text", "boolean", "integer", "number")
            and "category" not in learnt.kinds
            and len(known) > len(learnt.levels)
        ):
            learnt.levels = tuple(known)

    def _fills(self, imputer: Any, fills: Any, places: Sequence[int]) -> None:
        dtype = np.dtype(getattr(imputer, "_fit_dtype", fills.dtype))
        for place, fill in zip(places, fills.tolist(), strict=True):
            if dtype.kind in "biuf":
                kind: ColumnType | None = "boolean" if dtype.kind == "b" else "number"
            else:
                kind = None if fill is None or _nan(fill) else _kind([fill], fills.dtype)
            self._use((place,), (kind,) if kind else ())
            self.learnt[place].none |= fill is None or getattr(imputer, "missing_values", np.nan) is None


def _keeps_columns(step: Any) -> bool:
    """Whether what it gives are the columns that it was handed, in place and of their kind."""
    name = type(step).__name__
    return name == "SimpleImputer" or (name == "FunctionTransformer" and step.func is None)


def _kind(values: list[object], dtype: np.dtype[Any]) -> ColumnType | None:
    if dtype.kind == "M":
        return "datetime"
    if not values:
        return None
    if all(isinstance(value, str) for value in values):
        return "text"
    if all(isinstance(value, bool) for value in values):
        return "boolean"
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return "integer"
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return "number"
    return None


def _nan(value: object) -> bool:
    return isinstance(value, float) and value != value


def unknown(learnt: dict[str, Learnt]) -> Iterator[str]:
    """The columns of which nothing was inferred, though they are used."""
    return (name for name, one in learnt.items() if one.column is None)
