"""Converts a column to the one dtype of its kind, and completes its schema from its values."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.exact import in_float32
from bms.adapters.datasets.schema import ColumnSchema
from bms.core.errors import InvalidArgument

Column = NDArray[Any] | Sequence[bytes] | Sequence[str | None]
"""label: int64 [rows]; float: float64 [rows, *shape]; int: int64, bool: bool [rows, *shape], or where the feature is
optional an array of objects [rows], None where missing; image: bytes; text, datetime: str, None where missing."""


def completed(feature: ColumnSchema, column: Column) -> tuple[ColumnSchema, Column]:
    """Completes a column: its feature, optional if values are missing and with the storage that keeps every value; and
    its values.

    Raises InvalidArgument where values are missing that can't be.
    """
    match feature.kind:
        case "float":
            floats = np.asarray(column, np.float64)
            stored = None if in_float32(floats) else "float64"
            optional = feature.optional or bool(np.isnan(floats).any())
            return msgspec.structs.replace(feature, stored=stored, optional=optional), floats
        case "int" | "bool":
            return _numbers(feature, np.asarray(column))
        case "text" | "datetime":
            gaps = any(cell is None for cell in column)
            return msgspec.structs.replace(feature, optional=feature.optional or gaps), column
        case _:
            return feature, column


def present(column: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Splits a column of floats, integers or booleans: the values in its kind's own dtype (any, where one is missing),
    and a mask of which are there."""
    if column.dtype != object:
        return column, ~np.isnan(column) if column.dtype.kind == "f" else np.ones(column.shape, np.bool_)
    there = np.array([cell is not None for cell in column], np.bool_)
    dtype = np.bool_ if any(isinstance(cell, bool) for cell in column) else np.int64
    values: NDArray[Any] = np.zeros(len(column), dtype)
    values[there] = column[there].astype(dtype)
    return values, there


def _numbers(feature: ColumnSchema, column: NDArray[Any]) -> tuple[ColumnSchema, Column]:
    dtype = np.bool_ if feature.kind == "bool" else np.int64
    gaps = column.dtype == object and any(cell is None for cell in column.reshape(-1))
    if not gaps and not feature.optional:
        return feature, column.astype(dtype, copy=False)
    if feature.shape:
        raise InvalidArgument(f"column {feature.name!r}: {feature.kind} of shape {list(feature.shape)} has gaps")
    objects = np.empty(len(column), object)
    objects[:] = column.tolist()
    return msgspec.structs.replace(feature, optional=True), objects
