"""Converts array inputs: from whatever callers hold, or from a table's columns put side by side."""

from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.casting import cast, holds_exactly
from bms.core.tensors.tensor import NUMPY, Array, DType
from bms.sdk.tables.column_values import ColumnValues, Table
from bms.sdk.tables.pandas_frames import numpy_column
from bms.sdk.tables.python_values import input_words, nested_array


def is_plain(given: Any) -> bool:
    """Whether an array can be sent as it is: of numbers, booleans, texts or bytes, with no missing values."""
    if not isinstance(given, np.ndarray) or isinstance(given, np.ma.MaskedArray):
        return False
    if given.dtype.kind == "O":
        return all(type(item) in (bytes, str) for item in given.ravel().tolist())
    return given.dtype.kind in "SU" or (given.dtype.kind in "biuf" and given.dtype.itemsize <= 8)


def array_given(name: str, given: Any, datatype: str | None) -> Array:
    """Converts input `name` to an array; lists of numbers get the floating-point type that the model declares, where
    that keeps their digits. Raises InvalidArgument for what can't be sent."""
    if is_plain(given):
        return np.asarray(given)
    if isinstance(given, np.ma.MaskedArray):
        return _filled(name, given)
    if type(given).__module__.startswith("scipy.sparse"):
        raise InvalidArgument(f"{input_words(name)} is a sparse matrix: send its toarray()")
    if isinstance(given, str | bytes):
        given = [given]
    if not isinstance(given, list | tuple):
        array = np.asarray(given)  # of any library that knows NumPy
        if is_plain(array):
            return array
        if array.dtype.kind not in "OT":
            flat = numpy_column(name, array.ravel(), array.dtype)
            return _whole(name, flat).reshape(array.shape)
        given = array
    return declared(nested_array(name, given), datatype)


def declared(array: Array, datatype: str | None) -> Array:
    """Numbers that had no type of their own in the floating-point type that a model declares, unless they would lose
    digits by that which decimals of their size don't have to spare: then as they are, for the server to say so."""
    kind = NUMPY.get(datatype or "")
    if datatype is None or kind is None or kind.kind != "f" or array.dtype.kind not in "iuf":
        return array
    with np.errstate(all="ignore"):
        made = array.astype(kind)
    if not holds_exactly(made, datatype):
        return array
    return made


def matrix_of(table: Table, name: str) -> Array:
    """Puts columns of numbers side by side, by place, [rows, columns], for a model that takes a matrix.

    Raises InvalidArgument for columns of anything else, gaps that no number says, and digits that would be lost.
    """
    columns = {column: _number(column, values) for column, values in table.items()}
    if not columns:
        raise InvalidArgument(f"the table has no columns: this model takes input {name!r}")
    common = np.result_type(*columns.values())
    if len({array.dtype for array in columns.values()}) == 1 or common.kind in "iu":
        return np.stack(list(columns.values()), axis=1, dtype=common)
    dtype: DType = "FP64"  # float64 is also what NumPy takes for large and small whole numbers together
    if all(array.dtype.kind == "f" for array in columns.values()) and common.itemsize < 8:
        dtype = "FP32"
    wide = []
    for column, array in columns.items():
        made, rounded = cast(array, dtype, column)
        if rounded:
            raise InvalidArgument(f"column {column!r} holds whole numbers that {dtype}, which others need, can't hold")
        wide.append(made)
    return np.stack(wide, axis=1)


def _number(name: str, values: ColumnValues) -> Array:
    array = values.array
    if array.dtype.kind not in "biuf" or array.ndim != 1:
        raise InvalidArgument(f"column {name!r} holds {values.type}: this model takes a matrix of numbers")
    if values.missing is None:
        return array
    wide, rounded = cast(array, "FP64", name)
    if rounded:
        raise InvalidArgument(f"column {name!r} holds whole numbers that FP64 can't hold beside missing ones")
    return np.where(values.missing, np.nan, wide)


def _filled(name: str, given: Any) -> Array:
    if not np.ma.is_masked(given):
        return array_given(name, given.data, None)
    if given.dtype.kind != "f":
        raise InvalidArgument(f"{input_words(name)} is a masked array of {given.dtype}, which has no NaN: fill it")
    filled: Array = given.filled(np.nan)
    return filled


def _whole(name: str, values: ColumnValues) -> Array:
    if values.missing is not None:
        raise InvalidArgument(f"{input_words(name)} has values missing, which {values.type}s have no way to say")
    return values.array
