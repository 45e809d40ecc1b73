"""Lists the ways in which a fitted estimator may be handed rows, likeliest first: by what was declared, and what it
learnt."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from bms.adapters.runtimes.examples.file import Example
from bms.adapters.runtimes.sklearn.columns import Learnt, learnt_of
from bms.adapters.runtimes.sklearn.inputs import (
    INPUT,
    InputForm,
    framed,
    numbers,
    table,
    takes_text,
    text_columns,
    texts,
)
from bms.adapters.runtimes.sklearn.numbers import precision_of
from bms.core.errors import FailedPrecondition
from bms.core.tensors.columns import Column, ColumnType, dtype_of_column, fits_column, mask_name
from bms.core.tensors.fitting import names_differ
from bms.core.tensors.signature import Signature, TensorSpec, column_spec, shape_text
from bms.core.tensors.tensor import NUMPY, Array, DType

DECLARABLE: tuple[DType, ...] = ("FP64", "FP32", "INT64", "INT32")  # what an estimator may have been fitted on
_BEYOND = 2**53  # whole numbers that a number, FP64, may not hold


class FittedEstimator(NamedTuple):
    """A fitted estimator, and what is known of its columns; `pandas` where it takes a frame."""

    estimator: Any
    names: tuple[str, ...] = ()
    learnt: Mapping[str, Learnt] = {}
    example: Example | None = None
    pandas: Any = None

    @property
    def kind(self) -> str:
        return type(self.estimator).__name__


def names_of(estimator: Any) -> tuple[str, ...]:
    """The columns of the frame that the estimator was fitted on; none where it was fitted on an array.

    Raises FailedPrecondition where a name stands for two columns.
    """
    given = getattr(estimator, "feature_names_in_", None)
    names = tuple(map(str, given)) if given is not None else ()
    if names == tuple(f"Column_{place}" for place in range(len(names))):  # LightGBM's for an array
        return ()
    masked = next((name for name in names if mask_name(name) in names), None)
    if masked is not None:
        raise FailedPrecondition(
            f"the {type(estimator).__name__} was fitted on columns {masked!r} and {mask_name(masked)!r}, and by the "
            "name of the second one callers say what is missing in the first: rename one of them"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FailedPrecondition(
            f"the {type(estimator).__name__} was fitted on several columns {twice[0]!r}: rename them"
        )
    return names


def ways(fitted: FittedEstimator, declared: Signature | None) -> Iterator[InputForm]:
    """The forms of input to try. Raises FailedPrecondition where `declared` does not fit, and where nothing says what
    the estimator takes."""
    if fitted.names:
        if declared is None or not _is_matrix(declared):
            yield from _tables(fitted, declared)
        else:
            yield framed(fitted.pandas, declared.inputs[0].dtype, fitted.names)
        return
    if takes_text(fitted.estimator):
        yield texts()
        return
    features = _features(fitted.estimator)
    if declared is not None:
        dtype = next((spec.dtype for spec in declared.inputs if spec.name == INPUT), None)
        if dtype == "BYTES":
            yield text_columns(features)
            return
        if dtype in DECLARABLE:
            yield numbers(dtype, features)
            return
    learnt = list(learnt_of(fitted.estimator, [str(place) for place in range(features)]).values())
    kinds = {column.type for one in learnt if one.used and (column := one.column) is not None}
    if kinds == {"text"}:
        yield text_columns(features)
        return
    if "text" in kinds:
        raise FailedPrecondition(
            f"the {fitted.kind} was fitted on an array that mixes texts and numbers, which no tensor holds: fit it on "
            "a DataFrame, whose columns have names and types"
        )
    precision = precision_of(fitted.estimator)
    for dtype in (precision, "FP32" if precision == "FP64" else "FP64"):
        yield numbers(dtype, features)._replace(example=_of_levels(learnt, dtype))


def _of_levels(learnt: list[Learnt], dtype: DType) -> dict[str, Array] | None:
    """Rows of the levels that encoders learnt, where every column has some: what refuses all others runs on these."""
    if not learnt or not all(one.levels for one in learnt):
        return None
    return {INPUT: np.array([[one.levels[row % len(one.levels)] for one in learnt] for row in range(3)], NUMPY[dtype])}


def _tables(fitted: FittedEstimator, declared: Signature | None) -> Iterator[InputForm]:
    given = {spec.name: spec for spec in declared.inputs} if declared is not None else {}
    if declared is not None:
        missing = [name for name in fitted.names if name not in given]
        extra = [name for name in given if name not in fitted.names]
        if missing or extra:
            specs = tuple(_spec(fitted, name, "FP64") for name in fitted.names)
            raise FailedPrecondition(f"the signature lacks or adds columns: {names_differ(specs, missing, extra)}")
    precision = precision_of(fitted.estimator)
    tried: list[tuple[TensorSpec, ...]] = []
    for dtype in (precision, "FP32" if precision == "FP64" else "FP64"):
        specs = tuple(
            _declared_column(fitted, given[name]) if name in given else _spec(fitted, name, dtype)
            for name in fitted.names
        )
        if specs not in tried:
            tried.append(specs)
            yield table(fitted.pandas, specs, fitted.learnt)


def _declared_column(fitted: FittedEstimator, spec: TensorSpec) -> TensorSpec:
    """A declared column, with the levels that the model learnt of it; one without a type has that of its tensor.

    Raises FailedPrecondition for what is no column.
    """
    if spec.shape != (None,):
        raise FailedPrecondition(f"column {spec.name!r} has shape {shape_text(spec.shape)}: one value a row is [-1]")
    if spec.column is not None:
        if not fits_column(spec.column, spec.dtype) or (spec.column.type == "integer" and spec.dtype not in DECLARABLE):
            raise FailedPrecondition(
                f"column {spec.name!r} is declared as {spec.column.type} in {spec.dtype}: expected "
                f"{dtype_of_column(spec.column)}"
            )
        learnt = fitted.learnt[spec.name].column
        if spec.column.categories or learnt is None or learnt.type != spec.column.type:
            return spec
        return structs.replace(spec, column=structs.replace(spec.column, categories=learnt.categories))
    kind = NUMPY[spec.dtype].kind
    types: dict[str, ColumnType] = {"f": "number", "b": "boolean", "i": "integer", "u": "integer"}
    return TensorSpec(name=spec.name, dtype=spec.dtype, shape=spec.shape, column=Column(type=types.get(kind, "text")))


def _with_levels(spec: TensorSpec, column: Column, learnt: Learnt) -> TensorSpec:
    """A declared category has the levels that the model was trained on. Raises FailedPrecondition for others."""
    seen = learnt.column
    if column.type != "category" or seen is None or seen.type != "category" or column.categories == seen.categories:
        return spec
    if column.categories:
        raise FailedPrecondition(
            f"column {spec.name!r} is declared with the levels {', '.join(map(repr, column.categories[:10]))}, the "
            f"model was trained on {', '.join(map(repr, seen.categories[:10]))}"
        )
    return column_spec(spec.name, "category", optional=column.optional, categories=seen.categories)


def _spec(fitted: FittedEstimator, name: str, precision: DType) -> TensorSpec:
    column = column_of(fitted.learnt[name], fitted.example, name)
    dtype = precision if column.type == "number" else None
    spec = column_spec(name, column.type, dtype=dtype, optional=column.optional, categories=column.categories)
    return structs.replace(spec, column=column)


def column_of(learnt: Learnt, example: Example | None, name: str) -> Column:
    """The type of a column: what its example declares, else what training saw and its values are, else a number."""
    seen = learnt.column
    optional = not learnt.used
    if example is not None and name in example.types:
        type = example.types[name]
        same = seen is not None and seen.type == type
        levels = seen.categories if seen is not None and same else ()
        return Column(type=type, optional=optional, unread=optional, categories=levels)
    kind = example.kinds.get(name) if example is not None else None
    if kind is None or (seen is not None and learnt.levels):
        return seen or Column(type="number")
    if kind == "integer" and example is not None:  # whole by chance, unless too large to be a number
        large = any(isinstance(value, int) and abs(value) > _BEYOND for value in example.columns[name])
        kind = "integer" if large else "number"
    return Column(type=kind, optional=optional, unread=optional)


def _is_matrix(declared: Signature) -> bool:
    first = declared.inputs[0] if len(declared.inputs) == 1 else None
    return first is not None and first.name == INPUT and first.column is None and len(first.shape) > 1


def _features(estimator: Any) -> int:
    features = getattr(estimator, "n_features_in_", None)
    if isinstance(features, int | np.integer):
        return int(features)
    tags = getattr(estimator, "__sklearn_tags__", None)
    told = getattr(tags() if tags is not None else None, "input_tags", None)
    if getattr(told, "one_d_array", False):  # isotonic regression
        return 1
    raise FailedPrecondition(
        f"the {type(estimator).__name__} does not say how many features it takes (n_features_in_): fit it on a "
        "numeric array or a DataFrame before saving it"
    )
