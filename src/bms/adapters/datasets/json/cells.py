"""Converts JSON values to columns: detects each column's kind."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.datetimes import are_datetimes
from bms.adapters.datasets.exact import in_float64, in_int64
from bms.adapters.datasets.findings import DatasetFinding, rounded
from bms.adapters.datasets.json.rows import Written
from bms.adapters.datasets.schema import ColumnSchema
from bms.core.errors import InvalidArgument

_WORDS: dict[type, str] = {
    bool: "booleans", int: "integers", float: "floats", str: "texts", list: "lists", dict: "objects"
}  # fmt: skip


def as_doubles(name: str, cells: list[Any], lines: Sequence[int]) -> list[DatasetFinding]:
    """Converts numbers that a double does not hold exactly to floats, with a finding that counts them. Raises
    InvalidArgument, naming the line, for those that a double would change."""
    changed: list[tuple[int, str]] = []

    def plain(cell: Any, line: int) -> Any:
        if isinstance(cell, list):
            return [plain(inner, line) for inner in cell]
        if type(cell) is not Written:
            return cell
        if not cell.is_held:
            raise InvalidArgument(
                f"line {line}, column {name!r} holds {cell.text[:80]}, which no float64 is; write it as text"
            )
        changed.append((line, cell.text))
        return float(cell)

    for row, (line, cell) in enumerate(zip(lines, cells, strict=True)):
        if type(cell) is Written or type(cell) is list:
            cells[row] = plain(cell, line)
    return [rounded(name, len(changed), f"line {changed[0][0]} says {changed[0][1][:40]}")] if changed else []


def from_values(name: str, cells: Sequence[Any], lines: Sequence[int]) -> tuple[ColumnSchema, Column]:
    """Converts values to bool, int, float, text or datetime, or lists of numbers alike in every row. Missing is null,
    or NaN.

    Raises InvalidArgument, naming the line by `lines`, where cells are of different kinds, and for integers that don't
    fit: 64 bits, or float64 beside floats.
    """
    values = [None if type(cell) is float and math.isnan(cell) else cell for cell in cells]
    kinds = {type(cell) for cell in values if cell is not None}
    if not kinds:
        if any(cell is not None for cell in cells):
            return ColumnSchema(name=name, kind="float"), np.full(len(cells), np.nan)
        return ColumnSchema(name=name, kind="text"), values
    if kinds == {str}:
        times = are_datetimes(cell for cell in values if cell is not None)
        return ColumnSchema(name=name, kind="datetime" if times else "text"), values
    if kinds == {bool}:
        return ColumnSchema(name=name, kind="bool"), np.array(values, object)
    if kinds <= {int, float}:
        _check_integers(name, values, lines, beside_floats=float in kinds)
        if float not in kinds:
            return ColumnSchema(name=name, kind="int"), np.array(values, object)
        return ColumnSchema(name=name, kind="float"), np.array(values, np.float64)
    if kinds == {list}:
        return _lists(name, values, lines)
    raise _mixed(name, values, lines)


def _lists(name: str, cells: Sequence[Any], lines: Sequence[int]) -> tuple[ColumnSchema, Column]:
    shape = _shape(next(cell for cell in cells if cell is not None))
    values: list[Any] = []
    for line, cell in zip(lines, cells, strict=True):
        if cell is None or _shape(cell) != shape:
            raise InvalidArgument(f"line {line}, column {name!r}: expected a list of shape {list(shape)} as in others")
        _flatten(cell, values, f"line {line}, column {name!r}")
    kinds = {type(value) for value in values}
    if not (kinds <= {int, float} or kinds == {bool}):
        raise InvalidArgument(f"column {name!r}: lists may hold numbers only, or booleans only")
    per_row = len(values) // len(cells)
    _check_integers(name, values, [line for line in lines for _ in range(per_row)], beside_floats=float in kinds)
    kind, dtype = (
        ("float", np.float64) if float in kinds else ("bool", np.bool_) if bool in kinds else ("int", np.int64)
    )
    column: Column = np.array(values, dtype).reshape(len(cells), *shape)
    return ColumnSchema(name=name, kind=kind, shape=shape), column  # type: ignore[arg-type]


def _shape(cell: Any) -> tuple[int, ...]:
    if not isinstance(cell, list):
        return ()
    return (len(cell), *(_shape(cell[0]) if cell else ()))


def _flatten(cell: Any, into: list[Any], where: str) -> None:
    if isinstance(cell, list):
        if len({_shape(inner) for inner in cell}) > 1:
            raise InvalidArgument(f"{where}: a list holds lists of different lengths")
        for inner in cell:
            _flatten(inner, into, where)
    else:
        into.append(cell)


def _check_integers(name: str, values: Sequence[Any], lines: Sequence[int], *, beside_floats: bool) -> None:
    for line, value in zip(lines, values, strict=True):
        if type(value) is not int:
            continue
        if beside_floats and not in_float64(value):
            raise InvalidArgument(
                f"line {line}, column {name!r} holds {value} among floats, which no float64 is; write it as text"
            )
        if not beside_floats and not in_int64(value):
            raise InvalidArgument(
                f"line {line}, column {name!r} holds {value}, which does not fit 64 bits; write it as text"
            )


def _mixed(name: str, values: Sequence[Any], lines: Sequence[int]) -> InvalidArgument:
    """The error of a column of several kinds, or of a kind that no column has."""
    first: dict[type, int] = {}
    for line, value in zip(lines, values, strict=True):
        if value is not None:
            first.setdefault(type(value), line)
    seen = ", ".join(f"{_WORDS[kind]} (line {line})" for kind, line in first.items())
    if dict in first:
        return InvalidArgument(f"column {name!r} holds {seen}: objects are no column; give each of their keys its own")
    return InvalidArgument(f"column {name!r} mixes {seen}: write all of it in one way")
