"""One column of a table: an array of one of the wire's types, and which values are missing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bms.core.tensors.columns import ColumnType, Level
from bms.core.tensors.tensor import NUMPY, Array

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ColumnValues:
    """One column's values, ready to be sent.

    What is missing is NaN among floating-point numbers; beside all else `missing` is true there, and `array` holds a
    filler. `type` is None where all values are missing. `categories` are the levels of a category, where it has a fixed
    list of them. `unnamed` is the first row that did not name the column at all.
    """

    array: Array
    type: ColumnType | None
    missing: Mask | None = None
    categories: tuple[Level, ...] = ()
    unnamed: int | None = None

    def as_dtype(self, dtype: str) -> "ColumnValues":
        """A column without any value, in a declared type; one with values as it is."""
        if self.type is not None:
            return self
        return replace(empty(len(self.array), dtype), unnamed=self.unnamed)


Table = Mapping[str, ColumnValues]


@dataclass(frozen=True)
class OrderedTable:
    """A table whose order of columns is meaningful, as in a data frame."""

    columns: Table


def empty(rows: int, dtype: str = "FP64") -> ColumnValues:
    """A column whose values are all missing."""
    kind = NUMPY[dtype]
    if kind.kind == "f":
        return ColumnValues(np.full(rows, np.nan, kind), None)
    filler = np.full(rows, b"" if kind.kind == "O" else 0, kind)
    return ColumnValues(filler, None, np.ones(rows, np.bool_))


def of_array(array: Array, missing: Mask | None = None) -> ColumnValues:
    """A column of numbers, booleans, or bytes objects."""
    types: dict[str, ColumnType] = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "O": "text"}
    return ColumnValues(array, types[array.dtype.kind], missing if missing is not None and missing.any() else None)


def of_times(times: npt.NDArray[np.datetime64], *, utc: bool) -> ColumnValues:
    """A column of date-times, as ISO 8601 text with all their digits; NaT is missing. `utc`: they are instants, written
    in UTC."""
    missing = np.isnat(times)
    if missing.all():
        return replace(empty(len(times), "BYTES"), type="datetime")
    times = np.where(missing, times[~missing][:1], times)
    unit = np.datetime_data(times.dtype)[0]
    for shorter in ("s", "ms", "us"):  # no digits that are all zeros
        if unit in ("ms", "us", "ns") and (times.astype(f"M8[{shorter}]") == times).all():
            times = times.astype(f"M8[{shorter}]")
            break
    if unit in ("Y", "M", "W"):
        times = times.astype("M8[D]")
    elif unit in ("h", "m"):
        times = times.astype("M8[s]")
    texts = np.datetime_as_string(times).tolist()
    zone = "Z" if utc and np.datetime_data(times.dtype)[0] != "D" else ""
    array = np.empty(len(texts), dtype=object)
    array[:] = [(text + zone).encode() for text in texts]
    array[missing] = b""
    return ColumnValues(array, "datetime", missing if missing.any() else None)


def of_levels(levels: ColumnValues, codes: npt.NDArray[np.integer], categories: tuple[Level, ...]) -> ColumnValues:
    """A column of categories: `codes` index `levels`, -1 where the value is missing."""
    missing = codes < 0
    if not len(levels.array):
        return replace(empty(len(codes), "BYTES"), type="category")
    array = levels.array[np.where(missing, 0, codes)]
    if array.dtype.kind == "f":
        array[missing] = np.nan
        return ColumnValues(array, "category", None, categories)
    if array.dtype.kind == "O":
        array[missing] = b""
    return ColumnValues(array, "category", missing if missing.any() else None, categories)


def with_type(values: ColumnValues, type: ColumnType) -> ColumnValues:
    """The same values under another type, such as texts that are date-times."""
    return replace(values, type=type)
