"""Converts the columns of a pandas.DataFrame, whatever types pandas has for them; its index is ignored."""

from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.sdk.tables.arrow_tables import arrow_column
from bms.sdk.tables.column_values import ColumnValues, of_array, of_levels, of_times
from bms.sdk.tables.python_values import of_values


def pandas_columns(frame: Any) -> list[tuple[Any, ColumnValues]]:
    """The columns of a frame: names, which need not be text, and values. Raises InvalidArgument naming a column that
    can't be sent."""
    names = list(frame.columns)
    return [(name, pandas_column(str(name), frame.iloc[:, place])) for place, name in enumerate(names)]


def pandas_column(name: str, values: Any) -> ColumnValues:
    """Converts a Series or an Index. Raises InvalidArgument."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return numpy_column(name, values.to_numpy(), dtype)
    kind = type(dtype).__name__
    if kind == "CategoricalDtype":
        return _category(name, values)
    if kind == "DatetimeTZDtype":
        return of_times(values.to_numpy(dtype=f"datetime64[{dtype.unit}]"), utc=True)
    if kind == "StringDtype":
        return of_values(name, values.tolist())
    if kind == "ArrowDtype":
        return arrow_column(name, values.array.__arrow_array__())
    if kind == "SparseDtype":
        return pandas_column(name, values.sparse.to_dense())
    plain = getattr(dtype, "numpy_dtype", None)  # of Int64, Float32, boolean and the like
    if isinstance(plain, np.dtype) and plain.kind in "biuf":
        filler = np.nan if plain.kind == "f" else 0
        return of_array(values.to_numpy(dtype=plain, na_value=filler), np.asarray(values.isna(), dtype=np.bool_))
    raise InvalidArgument(f"column {name!r} is {dtype}, which can't be sent: make it numbers, text or dates")


def numpy_column(name: str, array: Any, dtype: Any) -> ColumnValues:
    """Converts a NumPy array [rows]. Raises InvalidArgument for types that are not sent."""
    if dtype.kind in "biuf" and dtype.itemsize <= 8:
        return of_array(array)
    if dtype.kind == "M":
        return of_times(array, utc=False)
    if dtype.kind in "OUST":
        return of_values(name, array.tolist())
    raise InvalidArgument(f"column {name!r} is {dtype}, which can't be sent: make it numbers, text or dates")


def _category(name: str, values: Any) -> ColumnValues:
    array = values.array if hasattr(values, "array") else values
    levels = pandas_column(name, array.categories)
    told = levels.array.tolist()
    if levels.array.dtype.kind == "O":
        told = [level.decode(errors="replace") for level in told]
    return of_levels(levels, np.asarray(array.codes), tuple(told))
