"""Converts columns to a pandas frame, as training code would have read it from the source itself."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from bms.adapters.datasets.columns import Column, present
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.core.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    import pandas

_NANOSECONDS = re.compile(r"\.\d{6}(\d{1,3})", re.ASCII)


def frame_of(schema: TableSchema, columns: Mapping[str, Column]) -> "pandas.DataFrame":
    """Converts columns by kind. float: float64. int: int64, or Int64 where values are missing; bool: bool, or boolean.
    label: its class's name. text: pandas' own texts, NaN where missing. datetime: datetime64, in UTC if the texts have
    offsets. image, and what has a shape: an object a row.

    Raises FailedPrecondition without pandas.
    """
    try:
        import pandas
    except ImportError as error:
        raise FailedPrecondition("a frame needs pandas: add it to the requirements of the job") from error
    return pandas.DataFrame({one.name: _series(one, columns[one.name], pandas) for one in schema.features})


def _series(feature: ColumnSchema, column: Column, pandas: Any) -> Any:
    match feature.kind:
        case "label":
            return _objects([feature.labels[code] for code in np.asarray(column).tolist()])
        case "text":
            return _objects([np.nan if cell is None else cell for cell in column])
        case "datetime":
            return _datetimes(feature.name, column, pandas)  # type: ignore[arg-type]
        case "int" | "bool" if feature.optional:
            values, there = present(np.asarray(column))
            array = pandas.arrays.IntegerArray if feature.kind == "int" else pandas.arrays.BooleanArray
            return array(values.astype(np.int64 if feature.kind == "int" else np.bool_), ~there)
        case _:
            return _objects(list(column)) if feature.shape or feature.kind == "image" else column


def _objects(cells: Sequence[object]) -> Any:
    objects = np.empty(len(cells), object)
    for row, cell in enumerate(cells):  # not objects[:] = cells, which would look into arrays
        objects[row] = cell
    return objects


def _datetimes(name: str, cells: Sequence[str | None], pandas: Any) -> Any:
    """In microseconds, or where the texts have more than six decimals in nanoseconds, which hold 1678 to 2261."""
    there = [cell for cell in cells if cell is not None]
    moments = [datetime.fromisoformat(cell) for cell in there]
    aware = any(moment.tzinfo is not None for moment in moments)
    plain = [moment.astimezone(UTC).replace(tzinfo=None) if aware else moment for moment in moments]
    times = np.full(len(cells), np.datetime64("NaT"), "M8[us]")
    times[[cell is not None for cell in cells]] = np.array(plain, "M8[us]")
    nanos = np.array([0 if cell is None else _nanoseconds(cell) for cell in cells])
    if nanos.any():
        if any(not 1678 <= moment.year <= 2261 for moment in plain):
            raise InvalidArgument(f"column {name!r} has nanoseconds beside years that datetime64[ns] does not hold")
        times = times.astype("M8[ns]") + nanos.astype("m8[ns]")
    series = pandas.Series(times)
    return series.dt.tz_localize("UTC") if aware else series


def _nanoseconds(text: str) -> int:
    """What the seventh to ninth decimals of a second say."""
    found = _NANOSECONDS.search(text)
    return int(found[1].ljust(3, "0")) if found else 0
