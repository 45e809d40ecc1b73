"""Columns from cells of text: which kind a column is, and its values.

What could be read in two ways, or not exactly, is kept as it is written, and a finding says so: no digit is lost.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.datetimes import are_datetimes
from bms.adapters.datasets.decimals import FLOAT, Decimals
from bms.adapters.datasets.exact import float_of, in_int64
from bms.adapters.datasets.findings import Finding
from bms.adapters.datasets.schema import Feature

# A number with leading zeros is a code (a postcode, an article), not a number.
_INT = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
_LONGEST_INT64 = 20  # characters
_BOOLEANS = {"true": True, "false": False}
MISSING_WORDS = frozenset({"na", "n/a", "nan", "null", "none", "?"})


class Read(NamedTuple):
    """A column as it was understood."""

    feature: Feature
    column: Column
    findings: tuple[Finding, ...] = ()


class TextColumn:
    """One column's cells as they are written. `lines` are theirs in the file.

    Missing is an empty cell; in columns that are not text also NA, N/A, NaN, null, None and ? in any case, which are
    words like others where the other cells are.
    """

    def __init__(self, name: str, cells: Sequence[str], lines: Sequence[int]) -> None:
        self.name, self.cells, self._lines = name, cells, lines
        self.stripped = [cell.strip() for cell in cells]
        self.empty = [not cell for cell in self.stripped]
        self.gone = [not cell or cell.lower() in MISSING_WORDS for cell in self.stripped]
        self.present = [cell for cell, out in zip(self.stripped, self.gone, strict=True) if not out]

    def where(self, cell: str) -> str:
        """The first line with this cell, and what it says."""
        return f"line {self._lines[self.stripped.index(cell)]} says {cell[:40]!r}"


def from_texts(column: TextColumn, decimals: Decimals = Decimals()) -> Read:
    """The first kind that all cells are of, but for the missing: int, float, bool (true, false in any case), datetime,
    else text."""
    present, doubt = column.present, decimals.doubts.get(column.name)
    if not present:
        return _nothing(column)
    if all(_INT.fullmatch(cell) for cell in present):
        return _integers(column)
    if doubt is not None:
        why = f"{column.where(doubt)}, with a decimal point or a thousands separator; write thousands without"
        return _as_text(column, column.gone, why, len(present))
    if all(FLOAT[decimals.mark(column.name)].fullmatch(cell) for cell in present):
        return _floats(column, decimals.mark(column.name))
    if all(cell.lower() in _BOOLEANS for cell in present):
        return _booleans(column)
    if are_datetimes(present):
        times = [None if out else cell for cell, out in zip(column.stripped, column.gone, strict=True)]
        return Read(Feature(name=column.name, kind="datetime"), times)
    return _words(column)


def _nothing(column: TextColumn) -> Read:
    feature, cells = Feature(name=column.name, kind="text"), [None] * len(column.cells)
    words = [cell for cell in column.stripped if cell]
    if not words:
        return Read(feature, cells)
    message = f"{column.where(words[0])}, and no cell says more: all are read as missing"
    return Read(feature, cells, (_understood(column, message, len(words)),))


def _integers(column: TextColumn) -> Read:
    for cell in column.present:
        if len(cell) > _LONGEST_INT64 or not in_int64(int(cell)):
            return _as_text(
                column, column.gone, f"{column.where(cell)}, which does not fit 64 bits", len(column.present)
            )
    if len(column.present) == len(column.cells):
        return Read(Feature(name=column.name, kind="int"), np.array([int(cell) for cell in column.present], np.int64))
    values = [None if out else int(cell) for cell, out in zip(column.stripped, column.gone, strict=True)]
    return Read(Feature(name=column.name, kind="int"), np.array(values, object))


def _floats(column: TextColumn, mark: str) -> Read:
    values = np.full(len(column.cells), np.nan)
    for row, cell in enumerate(column.stripped):
        if not column.gone[row]:
            value = float_of(cell.replace(mark, "."))
            if value is None:
                why = f"{column.where(cell)}, which no float64 holds"
                return _as_text(column, column.gone, why, len(column.present))
            values[row] = value
    feature = Feature(name=column.name, kind="float")
    if mark == ".":
        return Read(feature, values)
    commas = [cell for cell in column.present if mark in cell]
    message = f"commas are read as decimal points: {column.where(commas[0])}"
    return Read(feature, values, (_understood(column, message, len(commas)),))


def _booleans(column: TextColumn) -> Read:
    values = [None if out else _BOOLEANS[cell.lower()] for cell, out in zip(column.stripped, column.gone, strict=True)]
    said = " and ".join(sorted(set(column.present)))
    message = f"{said} are read as booleans"
    finding = _understood(column, message, len(column.present))
    return Read(Feature(name=column.name, kind="bool"), np.array(values, object), (finding,))


def _words(column: TextColumn) -> Read:
    """Texts, with a finding where they are nearly something else."""
    numbers = sum(map(_is_number, column.present)) if _is_number(column.present[0]) else 0
    if 2 * numbers > len(column.present):
        other = next(cell for cell in column.present if not _is_number(cell))
        why = f"{numbers} cells are numbers, but {column.where(other)}"
        return _as_text(column, column.empty, why, numbers)
    missing = [cell for cell, out in zip(column.stripped, column.gone, strict=True) if out and cell]
    if missing:
        said = ", ".join(sorted(set(missing)))
        why = f"{column.where(missing[0])}, a word like others here ({said}); empty the cells that mean a missing one"
        return _as_text(column, column.empty, why, len(missing))
    return Read(Feature(name=column.name, kind="text"), _kept(column, column.empty))


def _as_text(column: TextColumn, gone: Sequence[bool], why: str, count: int) -> Read:
    finding = Finding(kind="as_text", feature=column.name, count=count, message=f"kept as text: {why}")
    return Read(Feature(name=column.name, kind="text"), _kept(column, gone), (finding,))


def _kept(column: TextColumn, gone: Sequence[bool]) -> list[str | None]:
    return [None if out else cell for cell, out in zip(column.cells, gone, strict=True)]


def _understood(column: TextColumn, message: str, count: int) -> Finding:
    return Finding(kind="understood", feature=column.name, count=count, message=message)


def _is_number(cell: str) -> bool:
    return FLOAT["."].fullmatch(cell) is not None
