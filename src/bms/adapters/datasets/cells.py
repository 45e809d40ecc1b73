"""Columns from cells: which kind a column is, and its values as arrays."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.schema import Feature
from bms.adapters.datasets.table import Column
from bms.core.errors import InvalidArgument

# A number with leading zeros is a code (a postcode, an article), not a number.
_INT = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?", re.ASCII | re.I)
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


def from_texts(name: str, cells: list[str]) -> tuple[Feature, Column]:
    """int if all cells are integers of 64 bits, float if all are numbers or missing, else text.

    Missing is an empty cell, or one of NA, N/A, NaN, null, None, ? in any case. A column of nothing else is text.
    """
    stripped = [cell.strip() for cell in cells]
    missing = [cell.lower() in _MISSING for cell in stripped]
    present = [cell for cell, gone in zip(stripped, missing, strict=True) if not gone]
    if present and all(_INT.fullmatch(cell) for cell in present):
        numbers = [int(cell) for cell in present] if max(map(len, present)) <= 20 else []
        if not numbers or min(numbers) < _SMALLEST or max(numbers) > _LARGEST:
            return Feature(name=name, kind="text"), cells
        if len(present) == len(cells):
            return Feature(name=name, kind="int"), np.array(numbers, np.int64)
    if present and all(_FLOAT.fullmatch(cell) for cell in present):
        values = [np.nan if gone else float(cell) for cell, gone in zip(stripped, missing, strict=True)]
        return Feature(name=name, kind="float"), as_float32(name, np.array(values))
    return Feature(name=name, kind="text"), ["" if gone else cell for cell, gone in zip(cells, missing, strict=True)]


def from_values(name: str, cells: Sequence[Any]) -> tuple[Feature, Column]:
    """The same for values of JSON: None, bool, int, float, str, or lists of numbers, alike in every row."""
    present = [cell for cell in cells if cell is not None]
    kinds = {type(cell) for cell in present}
    if kinds <= {str}:
        return Feature(name=name, kind="text"), ["" if cell is None else cell for cell in cells]
    if kinds == {list}:
        return _lists(name, cells)
    if not kinds <= {bool, int, float}:
        raise InvalidArgument(f"column {name!r} mixes {', '.join(sorted(kind.__name__ for kind in kinds))}")
    _check_range(name, present)
    if float not in kinds and len(present) == len(cells):
        return Feature(name=name, kind="int"), np.array(cells, np.int64)
    values = np.array([np.nan if cell is None else cell for cell in cells], np.float64)
    return Feature(name=name, kind="float"), as_float32(name, values)


def as_float32(name: str, values: NDArray[Any]) -> NDArray[np.float32]:
    """Raises InvalidArgument for finite values that float32 cannot hold."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    lost = np.isinf(narrow) & np.isfinite(values)
    if lost.any():
        worst = values[lost].flat[0]
        raise InvalidArgument(f"column {name!r} holds {worst}, too large for float32; scale the column down")
    return narrow


def _lists(name: str, cells: Sequence[Any]) -> tuple[Feature, Column]:
    shape = _shape(next(cell for cell in cells if cell is not None))
    values: list[Any] = []
    for row, cell in enumerate(cells):
        if cell is None or _shape(cell) != shape:
            raise InvalidArgument(f"column {name!r}, row {row}: expected a list of shape {list(shape)} as in row 0")
        _flatten(cell, values)
    if not {type(value) for value in values} <= {bool, int, float}:
        raise InvalidArgument(f"column {name!r}: lists may hold numbers only")
    _check_range(name, values)
    if any(type(value) is float for value in values):
        column = as_float32(name, np.array(values, np.float64).reshape(len(cells), *shape))
        return Feature(name=name, kind="float", shape=shape), column
    return Feature(name=name, kind="int", shape=shape), np.array(values, np.int64).reshape(len(cells), *shape)


def _shape(cell: Any) -> tuple[int, ...]:
    if not isinstance(cell, list):
        return ()
    return (len(cell), *(_shape(cell[0]) if cell else ()))


def _flatten(cell: Any, into: list[Any]) -> None:
    if isinstance(cell, list):
        if len({_shape(inner) for inner in cell}) > 1:
            raise InvalidArgument("a list holds lists of different lengths")
        for inner in cell:
            _flatten(inner, into)
    else:
        into.append(cell)


def _check_range(name: str, values: Sequence[Any]) -> None:
    for value in values:
        if type(value) is int and not _SMALLEST <= value <= _LARGEST:
            raise InvalidArgument(f"column {name!r} holds {value}, which does not fit 64 bits; write it as text")
