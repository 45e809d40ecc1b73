"""Reads CSV with a header line as columns, typed as declared or else as their cells suggest.

A column shows a type when all its cells but the empty ones are of it; one that is not makes it text. Empty cells are
missing values.
"""

import csv
import io
import re
from collections.abc import Callable, Collection
from datetime import datetime

from bms.core.errors import InvalidArgument
from bms.sdk.tables.column_values import ColumnValues, with_type
from bms.sdk.tables.python_values import of_values

_WHOLE = re.compile(r"[+-]?(?:0|[1-9]\d*)")  # none with zeros in front: those are codes
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_NOT_FINITE = frozenset({"nan", "inf", "-inf", "infinity", "-infinity"})
_BOOLEANS = {word: value for value in (True, False) for word in (str(value), str(value).lower(), str(value).upper())}
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?")


class CsvCells(dict[str, list[str]]):
    """Cells by column, all of them text."""


def read_cells(text: str, where: str, separator: str = ",") -> CsvCells:
    """Reads a CSV file's cells by column. Raises InvalidArgument, naming `where` and the line, for what is no table."""
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator, strict=True)
    try:
        names = next(lines, [])
        if not names:
            raise InvalidArgument(f"{where} is empty: its first line must name the columns")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            advice = ": its first line must name the columns" if _is_number(twice) else ""
            raise InvalidArgument(f"{where} names column {twice!r} twice{advice}")
        cells = CsvCells({name: [] for name in names})
        for line in lines:
            if not line:
                continue
            if len(line) != len(names):
                raise InvalidArgument(f"{where}, line {lines.line_num}: {len(line)} cells for {len(names)} columns")
            for name, cell in zip(names, line, strict=True):
                cells[name].append(cell)
    except csv.Error as error:
        raise InvalidArgument(f"{where}, line {lines.line_num} is not CSV: {error}") from None
    if not cells[names[0]]:
        raise InvalidArgument(f"{where} has no rows below its first line")
    return cells


def check_header(names: Collection[str], where: str, known: Collection[str]) -> None:
    """Raises InvalidArgument where the names are numbers, so that they may well be a row, which would be lost. Those
    that count columns, as pandas writes them, are names, and so are any of which one is `known` to be a column's."""
    counted = [[str(one) for one in range(first, first + len(names))] for first in (0, 1)]
    numbers = all(map(_is_number, names)) and any(map(_NUMBER.fullmatch, names))
    if numbers and list(names) not in counted and not any(name in known for name in names):
        shown = ",".join(list(names)[:4]) + (",…" if len(names) > 4 else "")
        raise InvalidArgument(
            f"{where}: the first line, {shown}, is numbers alone: in CSV it names the columns; write names above it, "
            "or give rows without names as JSON or as NumPy's .npy"
        )


def shown_column(name: str, cells: list[str]) -> ColumnValues:
    """Converts a column to the type that its cells suggest."""
    present = [cell for cell in cells if cell]
    if present and all(map(_TIME.fullmatch, present)) and all(map(_is_time, present)):
        return with_type(of_values(name, [cell or None for cell in cells]), "datetime")
    for fits, read in _SHOWN:
        if present and fits(present):
            return of_values(name, [read(cell) if cell else None for cell in cells])
    return of_values(name, [cell or None for cell in cells])


def typed_values(name: str, cells: list[str], kind: str) -> list[object]:
    """Converts cells to a column's declared type, or to a data type; None for empty cells.

    Raises InvalidArgument, naming column and row (counted from 0), for a cell that is not of it.
    """
    read, word = _reader(kind)
    values: list[object] = []
    for row, cell in enumerate(cells):
        try:
            values.append(read(cell) if cell else None)
        except ValueError:
            raise InvalidArgument(
                f"column {name!r}, row {row}: {cell[:80]!r} is no {word}, which the model takes"
            ) from None
    return values


def _reader(kind: str) -> tuple[Callable[[str], object], str]:
    if kind == "boolean" or kind == "BOOL":
        return _boolean, "boolean"
    if kind == "number" or kind.startswith("FP"):
        return _number, "number"
    if kind == "integer" or kind.startswith(("INT", "UINT")):
        return _whole, "whole number"
    return str, "text"


def _number(cell: str) -> float | int:
    """A whole one stays exact."""
    if "_" in cell:
        raise ValueError(cell)
    if cell in _BOOLEANS:  # as a frame's are, where a model takes numbers
        return int(_BOOLEANS[cell])
    try:
        return int(cell)
    except ValueError:
        return float(cell)


def _whole(cell: str) -> int:
    value = _number(cell)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(cell)
    return int(value)


def _boolean(cell: str) -> bool:
    value = {**_BOOLEANS, "1": True, "0": False}.get(cell)
    if value is None:
        raise ValueError(cell)
    return value


def _are_whole(cells: list[str]) -> bool:
    """Also of a size that one type holds; what is larger, such as a code of thirty digits, is text."""
    if not all(map(_WHOLE.fullmatch, cells)):
        return False
    numbers = [int(cell) for cell in cells]
    return max(numbers) < (2**63 if min(numbers) < 0 else 2**64) and min(numbers) >= -(2**63)


def _are_numbers(cells: list[str]) -> bool:
    """Also NaN and infinities among them; whole ones alone are integers, or too large and so text."""
    return all(map(_is_number, cells)) and any(map(_NUMBER.fullmatch, cells)) and not all(map(_WHOLE.fullmatch, cells))


def _is_number(cell: str) -> bool:
    if cell.lower() in _NOT_FINITE:
        return True
    if not _NUMBER.fullmatch(cell):
        return False
    try:
        return not _WHOLE.fullmatch(cell) or int(float(cell)) == int(cell)
    except OverflowError:
        return False


def _are_booleans(cells: list[str]) -> bool:
    return all(cell in _BOOLEANS for cell in cells)


def _is_time(cell: str) -> bool:
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True


_SHOWN: tuple[tuple[Callable[[list[str]], bool], Callable[[str], object]], ...] = (
    (_are_whole, int),
    (_are_numbers, _number),
    (_are_booleans, _BOOLEANS.__getitem__),
)
