"""Converts what callers pass to `predict` into columns by name or arrays, each in the type that it has."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import Array
from bms.sdk.predictions.sent import SentInputs
from bms.sdk.predictions.served import TensorInfo
from bms.sdk.tables.arrays import array_given, declared, is_plain, matrix_of
from bms.sdk.tables.column_values import ColumnValues, Mask, Table
from bms.sdk.tables.given import column_of, frame_of, rows_of

Taken = tuple[TensorInfo, ...]


def sent_of(given: Any, taken: Taken) -> SentInputs | None:
    """Converts `given` to the inputs of a model that takes `taken`. None for one array where the model takes several
    inputs.

    Raises InvalidArgument, naming column and row, for what can't be sent.
    """
    frame = frame_of(given)
    if frame is not None:
        if len(taken) == 1 and len(taken[0].shape) == 2 and not _named_alike(frame, taken):
            return SentInputs({taken[0].name: matrix_of(frame, taken[0].name)})
        return _table(frame, taken)
    rows = rows_of(given)
    if rows is not None:
        return _table(rows, taken)
    if isinstance(given, Mapping):
        return _mapping(given, taken)
    if len(taken) != 1:
        return None
    return SentInputs({taken[0].name: array_given(taken[0].name, given, taken[0].datatype)})


def _named_alike(frame: Table, taken: Taken) -> bool:
    """Whether the frame's one column, of lists, is the input itself."""
    return list(frame) == [taken[0].name] and frame[taken[0].name].array.ndim == len(taken[0].shape)


def _table(table: Table, taken: Taken) -> SentInputs:
    specs = {spec.name: spec for spec in taken}
    arrays: dict[str, Array] = {}
    missing: dict[str, Mask] = {}
    for name, values in table.items():
        spec = specs.get(name)
        if spec is not None:
            _check_named(values, spec, taken)
            values = values.as_dtype(spec.datatype)
        arrays[name] = _shaped(values.array, spec)
        if values.missing is not None:
            missing[name] = values.missing
    return SentInputs(arrays, missing)


def _mapping(given: Mapping[Any, Any], taken: Taken) -> SentInputs:
    """Arrays as they are; what else is one column in the way of a table; nested lists as the model declares them."""
    specs = {spec.name: spec for spec in taken}
    arrays: dict[str, Array] = {}
    missing: dict[str, Mask] = {}
    for name, value in given.items():
        if not isinstance(name, str):
            raise InvalidArgument(f"inputs are named by texts: {name!r} is a {type(name).__name__}")
        spec = specs.get(name)
        datatype = None if spec is None else spec.datatype
        column = None if is_plain(value) else column_of(name, value)
        if column is None:
            arrays[name] = array_given(name, value, datatype)
            continue
        if datatype is not None:
            column = column.as_dtype(datatype)
        array = declared(column.array, datatype) if isinstance(value, list | tuple) else column.array
        arrays[name] = _shaped(array, spec)
        if column.missing is not None:
            missing[name] = column.missing
    return SentInputs(arrays, missing)


def _check_named(values: ColumnValues, spec: TensorInfo, taken: Taken) -> None:
    """Raises InvalidArgument where a row left out what may not be left out: it is null only where that is declared."""
    if values.unnamed is not None and spec.column is not None and not spec.optional:
        raise InvalidArgument(
            f"row {values.unnamed}: column {spec.name!r} is missing: this model takes {', '.join(map(str, taken))}"
        )


def _shaped(array: Array, spec: TensorInfo | None) -> Array:
    """[rows] as [rows, 1] where the model takes one column so."""
    if array.ndim == 1 and spec is not None and len(spec.shape) == 2 and spec.shape[1] in (1, -1):
        return np.reshape(array, (-1, 1))
    return array
