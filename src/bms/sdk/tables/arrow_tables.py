"""Converts the columns of a pyarrow.Table or RecordBatch."""

from dataclasses import replace
from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.sdk.tables.column_values import ColumnValues, empty, of_array, of_times
from bms.sdk.tables.python_values import of_values

_OBJECTS = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view", "fixed_size_binary")
_WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def arrow_columns(table: Any) -> list[tuple[str, ColumnValues]]:
    """The columns of an Arrow table: names and values, in order. Raises InvalidArgument naming a column that can't be
    sent."""
    return [(name, arrow_column(name, table.column(place))) for place, name in enumerate(table.column_names)]


def arrow_column(name: str, values: Any) -> ColumnValues:
    """Converts an Array or ChunkedArray. Raises InvalidArgument."""
    kind = str(values.type).partition("[")[0].partition("(")[0].partition("<")[0]
    if kind in _WHOLE or kind == "bool":
        filled = values.fill_null(False if kind == "bool" else 0)
        return of_array(np.asarray(filled), np.asarray(values.is_null(), dtype=np.bool_))
    if kind in ("halffloat", "float", "double"):
        return of_array(np.asarray(values))  # NaN where it is null
    if kind in ("timestamp", "date32", "date64"):
        zone = getattr(values.type, "tz", None)
        return of_times(np.asarray(values), utc=zone is not None)
    if kind in _OBJECTS or kind.startswith("decimal") or kind.endswith(("list", "list_view")):
        return of_values(name, values.to_pylist())
    if kind == "dictionary":
        decoded = arrow_column(name, values.cast(values.type.value_type))
        return replace(decoded, type="category") if decoded.type is not None else decoded
    if kind == "null":
        return empty(len(values))
    raise InvalidArgument(f"column {name!r} is {values.type}, which can't be sent: make it numbers, text or dates")
