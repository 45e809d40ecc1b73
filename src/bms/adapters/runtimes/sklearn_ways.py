"""The ways in which a fitted estimator may be handed rows, likeliest first: by what was said, and what it learnt."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from bms.adapters.runtimes.example_file import Example
from bms.adapters.runtimes.sklearn_columns import Learnt, learnt_of
from bms.adapters.runtimes.sklearn_inputs import INPUT, Way, framed, numbers, table, takes_text, text_columns, texts
from bms.adapters.runtimes.sklearn_numbers import precision_of
from bms.core.columns import Column, ColumnType, dtype_of_column, fits_column
from bms.core.errors import FailedPrecondition
from bms.core.fitting import names_differ
from bms.core.signature import Signature, TensorSpec, column_spec, shape_text
from bms.core.tensor import NUMPY, Array, DType

DECLARABLE: tuple[DType, ...] = ("FP64", "FP32", "INT64", "INT32")  # what an estimator may have been fitted on
_EXAMPLES = 3
_BEYOND = 2**53  # whole numbers that a number, FP64, may not hold


class Fitted(NamedTuple):
    """An estimator, and what is known of its columns; `pandas` where it takes a frame."""

    estimator: Any
    names: tuple[str, ...] = ()
    learnt: Mapping[str, Learnt] = {}
    example: Example | None = None
    pandas: Any = None

    @property
    def kind(self) -> str:
        return type(self.estimator).__name__


def names_of(estimator: Any) -> tuple[str, ...]:
    """The columns of the frame that it was fitted on; none where it was fitted on an array.

    Raises FailedPrecondition where a name stands for two columns.
    """
    given = getattr(estimator, "feature_names_in_", None)
    names = tuple(map(str, given)) if given is not None else ()
    if names == tuple(f"Column_{place}" for place in range(len(names))):  # LightGBM's for an array
        return ()
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FailedPrecondition(
            f"the {type(estimator).__name__} was fitted on several columns {twice[0]!r}: rename them"
        )
    return names


def ways(fitted: Fitted, declared: Signature | None) -> Iterator[Way]:
    """Raises FailedPrecondition where `declared` does not fit, and where nothing says what the estimator takes."""
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
    kinds = _kinds(fitted.estimator, features)
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
        yield numbers(dtype, features)


def _tables(fitted: Fitted, declared: Signature | None) -> Iterator[Way]:
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
            _said(fitted, given[name]) if name in given else _spec(fitted, name, dtype) for name in fitted.names
        )
        if specs not in tried:
            tried.append(specs)
            yield table(fitted.pandas, specs, fitted.learnt)


def _said(fitted: Fitted, spec: TensorSpec) -> TensorSpec:
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


def _spec(fitted: Fitted, name: str, precision: DType) -> TensorSpec:
    column = column_of(fitted.learnt[name], fitted.example, name)
    dtype = precision if column.type == "number" else None
    return column_spec(name, column.type, dtype=dtype, optional=column.optional, categories=column.categories)


def column_of(learnt: Learnt, example: Example | None, name: str) -> Column:
    """What a column is: what its example declares, else what training saw and its values are, else a number."""
    seen = learnt.column
    optional = not learnt.used
    if example is not None and name in example.types:
        type = example.types[name]
        same = seen is not None and seen.type == type
        return Column(type=type, optional=optional, categories=seen.categories if seen is not None and same else ())
    kind = example.kinds.get(name) if example is not None else None
    if kind is None or (seen is not None and learnt.levels):
        return seen or Column(type="number")
    if kind == "integer" and example is not None:  # whole by chance, unless too large to be a number
        large = any(isinstance(value, int) and abs(value) > _BEYOND for value in example.columns[name])
        kind = "integer" if large else "number"
    return Column(type=kind, optional=optional)


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


def _kinds(estimator: Any, features: int) -> set[str]:
    learnt = learnt_of(estimator, [str(place) for place in range(features)])
    return {column.type for one in learnt.values() if one.used and (column := one.column) is not None}


def level_rows(estimator: Any, way: Way) -> dict[str, Array] | None:
    """Rows of values that encoders learnt, where all columns of the matrix that `way` takes have such."""
    spec = way.inputs[0]
    if len(way.inputs) != 1 or len(spec.shape) != 2 or spec.shape[1] is None or spec.dtype == "BYTES":
        return None
    learnt = learnt_of(estimator, [str(place) for place in range(spec.shape[1])]).values()
    if not all(one.levels for one in learnt):
        return None
    rows = [[one.levels[row % len(one.levels)] for one in learnt] for row in range(_EXAMPLES)]
    return {spec.name: np.asarray(rows, dtype=NUMPY[spec.dtype])}


def example_rows(example: Example | None, way: Way) -> dict[str, Array] | None:
    """The example's rows where they are the matrix that `way` takes."""
    if example is None or not example.rows or len(way.inputs) != 1:
        return None
    spec = way.inputs[0]
    try:
        rows = np.asarray(example.rows, dtype=object if spec.dtype == "BYTES" else NUMPY[spec.dtype])
    except (ValueError, TypeError) as error:
        raise FailedPrecondition(f"the example's rows are not {spec.dtype}: {error}") from error
    if spec.dtype == "BYTES":
        rows = np.frompyfunc(lambda text: str(text).encode(), 1, 1)(rows)
    return {spec.name: rows}
