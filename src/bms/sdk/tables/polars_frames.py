"""Converts the columns of a polars.DataFrame."""

from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.sdk.tables.column_values import ColumnValues, empty, of_array, of_times
from bms.sdk.tables.python_values import of_values

_WHOLE = {"Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"}
_OBJECTS = {"String", "Utf8", "Binary", "Decimal", "Object", "List", "Array", "Int128", "UInt128"}


def polars_columns(frame: Any) -> list[tuple[str, ColumnValues]]:
    """The columns of a frame: names and values, in order. Raises InvalidArgument naming a column that can't be sent."""
    return [(name, polars_column(name, frame.get_column(name))) for name in frame.columns]


def polars_column(name: str, series: Any) -> ColumnValues:
    """Converts a Series. Raises InvalidArgument."""
    kind = type(series.dtype).__name__ if not isinstance(series.dtype, type) else series.dtype.__name__
    if kind in _WHOLE or kind == "Boolean":
        missing = series.is_null().to_numpy()
        return of_array(series.fill_null(False if kind == "Boolean" else 0).to_numpy(), missing)
    if kind in ("Float16", "Float32", "Float64"):
        return of_array(series.fill_null(np.nan).to_numpy())
    if kind in ("Date", "Datetime"):
        zone = getattr(series.dtype, "time_zone", None)
        return of_times(series.to_numpy(), utc=zone is not None)
    if kind in _OBJECTS:
        return of_values(name, series.to_list())
    if kind in ("Categorical", "Enum"):
        texts = of_values(name, series.to_list())
        levels = tuple(series.dtype.categories) if kind == "Enum" else ()
        return ColumnValues(texts.array, "category", texts.missing, levels)
    if kind == "Null":
        return empty(len(series))
    raise InvalidArgument(f"column {name!r} is {series.dtype}, which can't be sent: make it numbers, text or dates")
