"""The forms of input of estimators, and how rows are made of them: arrays, texts, or the frame it was fitted on.

A model that was fitted on a frame takes a table: its columns by name, in whatever order they come. Any other takes "x":
numbers [rows, features], or texts as BYTES, [rows] before a vectoriser and [rows, features] before encoders.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from bms.adapters.runtimes.servables.data_frame import frame_of
from bms.adapters.runtimes.sklearn.columns import Learnt
from bms.adapters.runtimes.sklearn.parts import readers, steps_of
from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array, DType

INPUT = "x"


class InputForm(NamedTuple):
    """One way to hand rows to an estimator: the inputs, and the conversion; `example`: rows that training saw."""

    inputs: tuple[TensorSpec, ...]
    rows: Callable[[Mapping[str, Array]], Any]
    example: Mapping[str, Array] | None = None


def numbers(dtype: DType, features: int) -> InputForm:
    """The form of a matrix of numbers."""
    return InputForm((TensorSpec(name=INPUT, dtype=dtype, shape=(None, features)),), lambda given: given[INPUT])


def texts() -> InputForm:
    """The form of one text a row, as a list of Python's."""
    return InputForm(
        (TensorSpec(name=INPUT, dtype="BYTES", shape=(None,)),), lambda given: _decoded(given[INPUT]).tolist()
    )


def text_columns(features: int) -> InputForm:
    """The form of a matrix of texts, as an array of objects."""
    spec = TensorSpec(name=INPUT, dtype="BYTES", shape=(None, features))
    return InputForm((spec,), lambda given: _decoded(given[INPUT]))


def table(pandas: Any, specs: Sequence[TensorSpec], learnt: Mapping[str, Learnt]) -> InputForm:
    """The form of a frame of these columns, in this order. What is missing is NaN, or None where training had None."""
    # Levels that no booster learnt are told for people alone: to an encoder another value is not a missing one.
    signature = Signature(
        inputs=tuple(
            spec
            if spec.column is None or "category" in learnt[spec.name].kinds
            else structs.replace(spec, column=structs.replace(spec.column, categories=()))
            for spec in specs
        )
    )
    nones = [spec.name for spec in specs if learnt[spec.name].none]
    strict = [spec for spec in specs if learnt[spec.name].strict]

    def rows(inputs: Mapping[str, Array]) -> Any:
        frame = frame_of(pandas, signature, inputs)
        for spec in strict:
            _check_levels(spec, inputs, frame[spec.name].isna().to_numpy())
        for name in nones:
            mask = inputs.get(mask_name(name))
            if mask is not None:
                values = frame[name].to_numpy(dtype=object, copy=True)
                values[mask] = None
                frame[name] = pandas.Series(values, dtype=object)
        return frame

    return InputForm(tuple(specs), rows)


def _check_levels(spec: TensorSpec, inputs: Mapping[str, Array], gone: Any) -> None:
    """Raises InvalidArgument for a value that is no level of the category, which the frame holds as missing."""
    given: Any = inputs[spec.name]
    mask = inputs.get(mask_name(spec.name))
    missing = mask if mask is not None else given != given
    for row in np.flatnonzero(gone & ~np.asarray(missing, dtype=np.bool_)):
        value = given[row].decode(errors="replace") if isinstance(given[row], bytes) else given[row]
        known = spec.column.categories if spec.column is not None else ()
        raise InvalidArgument(
            f"column {spec.name!r}, row {row}: {value!r} is none of the levels that the model was trained on: "
            f"{', '.join(map(repr, known[:10]))}{' …' if len(known) > 10 else ''}"
        )


def matrix_of(way: InputForm, pandas: Any) -> InputForm | None:
    """The form of the same table's columns side by side, where all are numbers of one type."""
    kinds = {(spec.column.type, spec.dtype) for spec in way.inputs if spec.column is not None}
    if len(kinds) != 1 or next(iter(kinds))[0] != "number":
        return None
    return framed(pandas, way.inputs[0].dtype, [spec.name for spec in way.inputs])


def framed(pandas: Any, dtype: DType, names: Sequence[str]) -> InputForm:
    """The form of a matrix whose columns stand in the order of these names, by which the model is handed them."""
    inputs = numbers(dtype, len(names)).inputs
    return InputForm(inputs, lambda given: pandas.DataFrame(given[INPUT], columns=list(names)))


def takes_text(estimator: Any) -> bool:
    """Whether what reads the rows is a vectoriser of texts."""
    if hasattr(estimator, "build_analyzer"):
        return True
    if steps := steps_of(estimator):
        return takes_text(steps[0])
    union = getattr(estimator, "transformer_list", None)
    inner = [part for _, part in union] if isinstance(union, list) else [one.estimator for one in readers(estimator)]
    return bool(inner) and any(map(takes_text, inner))


def _decoded(array: Array) -> Any:
    """Raises InvalidArgument for bytes that are not UTF-8."""
    texts = np.empty(array.size, dtype=object)
    try:
        texts[:] = [text.decode() for text in array.ravel().tolist()]
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"input {INPUT!r} holds bytes that are not UTF-8, which texts must be") from error
    return texts.reshape(array.shape)
