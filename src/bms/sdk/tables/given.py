"""Recognises tables among the objects that callers pass, and reads their columns."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.sdk.tables.arrow_tables import arrow_column, arrow_columns
from bms.sdk.tables.column_values import ColumnValues, OrderedTable, Table
from bms.sdk.tables.pandas_frames import numpy_column, pandas_column, pandas_columns
from bms.sdk.tables.polars_frames import polars_column, polars_columns
from bms.sdk.tables.python_values import of_values

_FRAMES = {
    ("pandas", "DataFrame"): pandas_columns,
    ("polars", "DataFrame"): polars_columns,
    ("pyarrow", "Table"): arrow_columns,
    ("pyarrow", "RecordBatch"): arrow_columns,
}
_COLUMNS = {
    ("pandas", "Series"): pandas_column,
    ("pandas", "Index"): pandas_column,
    ("polars", "Series"): polars_column,
    ("pyarrow", "Array"): arrow_column,
    ("pyarrow", "ChunkedArray"): arrow_column,
}


def frame_of(given: Any) -> Table | None:
    """The columns, by name and in order, of a data frame, an Arrow table, or a structured array.

    None for anything else, and for a frame whose columns only have numbers, as pandas gives them to an array. Raises
    InvalidArgument, naming column and row, for what can't be sent.
    """
    if isinstance(given, OrderedTable):
        return given.columns
    read = _known(given, _FRAMES)
    if read is not None:
        return _by_name(read(given))
    if isinstance(given, np.ndarray) and given.dtype.names:
        return {name: numpy_column(name, given[name], given[name].dtype) for name in given.dtype.names}
    if _known(given, {("polars", "LazyFrame"): True}):
        raise InvalidArgument("a polars.LazyFrame holds no rows yet: send what its collect() gives")
    if hasattr(given, "__arrow_c_stream__") and not hasattr(given, "__array__"):
        raise InvalidArgument(
            f"a {type(given).__module__}.{type(given).__name__} can't be sent: make it an Arrow table with "
            "pyarrow.table(…), or a data frame"
        )
    return None


def rows_of(given: Any) -> Table | None:
    """The columns of a list of rows that are mappings; None for anything else. Raises InvalidArgument likewise."""
    if not isinstance(given, list | tuple) or not given or not isinstance(given[0], Mapping):
        return None
    names: dict[Any, None] = {}
    for place, row in enumerate(given):
        if not isinstance(row, Mapping):
            raise InvalidArgument(f"row {place} is a {type(row).__name__}, the first one names its values: name all")
        names.update(dict.fromkeys(row))
    return {_text(name): _of_rows(name, given) for name in names}


def column_of(name: str, given: Any) -> ColumnValues | None:
    """The values of a Series, an Arrow array, an array of one dimension that is not of plain numbers, or a flat list.

    None for anything else. Raises InvalidArgument, naming column and row, for what can't be sent.
    """
    read = _known(given, _COLUMNS)
    if read is not None:
        column: ColumnValues = read(name, given)
        return column
    if isinstance(given, np.ma.MaskedArray):
        if given.ndim != 1:
            raise InvalidArgument(f"input {name!r} is a masked array of {given.ndim} dimensions: fill it")
        return of_values(name, given.tolist())
    if isinstance(given, np.ndarray):
        return numpy_column(name, given, given.dtype) if given.ndim == 1 and given.dtype.kind not in "biuf" else None
    if isinstance(given, list | tuple) and not any(isinstance(item, list | tuple | np.ndarray) for item in given):
        return of_values(name, given)
    return None


def _known(given: Any, kinds: Mapping[tuple[str, str], Any]) -> Any:
    """What stands for the first class of `given`, its bases too, that is one of `kinds`: by package and name."""
    for kind in type(given).__mro__:
        found = kinds.get((kind.__module__.partition(".")[0], kind.__name__))
        if found is not None:
            return found
    return None


def _by_name(columns: Sequence[tuple[Any, ColumnValues]]) -> Table | None:
    if columns and all(isinstance(name, int | np.integer) for name, _ in columns):
        return None
    table: dict[str, ColumnValues] = {}
    for name, values in columns:
        if _text(name) in table:
            raise InvalidArgument(f"there are two columns {name!r}: names must differ")
        table[name] = values
    return table


def _of_rows(name: str, rows: Sequence[Any]) -> ColumnValues:
    column = of_values(name, [row.get(name) for row in rows])
    return replace(column, unnamed=next((place for place, row in enumerate(rows) if name not in row), None))


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise InvalidArgument(f"names of columns must be texts: {name!r} is a {type(name).__name__}")
    return name
