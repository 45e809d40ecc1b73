"""Converts columns of text cells: detects each column's kind, and parses its values.

What could be read in two ways, or not exactly, is kept as it is written, and a finding says so: no digit is lost.
"""

import re
from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import numpy as np

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.csv.decimals import FLOAT, Decimals
from bms.adapters.datasets.csv.text_doubts import are_yes_and_no, code_of, doubt_of
from bms.adapters.datasets.datetimes import are_datetimes
from bms.adapters.datasets.exact import float_of, in_int64, is_rounded
from bms.adapters.datasets.findings import DatasetFinding, rounded
from bms.adapters.datasets.schema import ColumnSchema

# A number with leading zeros is a code (a postcode, an article), not a number.
_INT = re.compile(r"[+-]?(?:0|[1-9]\d*)", re.ASCII)
LONGEST_INT64 = 20  # characters
_BOOLEANS = {"true": True, "false": False}
MISSING_WORDS = frozenset({"na", "n/a", "nan", "null", "none", "?"})


class ReadColumn(NamedTuple):
    """A converted column, with its findings."""

    feature: ColumnSchema
    column: Column
    findings: tuple[DatasetFinding, ...] = ()


class TextColumn:
    """A column's cells as text. `lines` are theirs in the file, `number` is the column's, all from 1.

    Missing is an empty cell, and one that says a word of `na`. In columns that are not text so are NA, N/A, NaN, null,
    None and ? in any case, which are words like others where the other cells are; not so where `na` is given and has
    no word.
    """

    def __init__(
        self, name: str, cells: Sequence[str], lines: Sequence[int], number: int = 1, na: Sequence[str] | None = None
    ) -> None:
        self.name, self.cells, self._lines, self._number = name, cells, lines, number
        self.stripped = [cell.strip() for cell in cells]
        words = {"", *(word.strip() for word in na or ())}
        self.empty = [cell in words for cell in self.stripped]
        self.guessed = na is None or len(words) > 1  # which other words mean a missing value
        self.gone = [
            out or (self.guessed and cell.lower() in MISSING_WORDS)
            for cell, out in zip(self.stripped, self.empty, strict=True)
        ]
        self.present = self._present()

    def rewritten(self, cells: Sequence[str]) -> "TextColumn":
        """The same column with other `cells` in their places; the same cells are missing."""
        other = copy(self)
        other.cells = other.stripped = list(cells)
        other.present = other._present()
        return other

    @property
    def supposed(self) -> list[str]:
        """The cells that are taken for missing without a declaration."""
        return [cell for cell, out, sure in zip(self.stripped, self.gone, self.empty, strict=True) if out and not sure]

    def _present(self) -> list[str]:
        return [cell for cell, out in zip(self.stripped, self.gone, strict=True) if not out]

    def where(self, cell: str) -> str:
        """The first place with this cell, and its text."""
        return f"{self.place(self.stripped.index(cell))} says {cell[:40]!r}"

    def where_written(self, row: int) -> str:
        """The place of a row, counted from 0, and its cell's text, blanks and all."""
        return f"{self.place(row)} says {self.cells[row][:40]!r}"

    def place(self, row: int) -> str:
        """The place of a row's cell in the file; rows are counted from 0."""
        return f"line {self._lines[row]}, column {self._number}"


def from_texts(column: TextColumn, decimals: Decimals = Decimals()) -> ReadColumn:
    """Converts to the first kind that all cells are of, but for the missing: int, float, bool (true, false in any
    case), datetime, else text."""
    present, doubt = column.present, decimals.doubts.get(column.name)
    mark = decimals.mark(column.name)
    if not present:
        return _nothing(column)
    if (code := code_of(present)) is not None:
        return with_missing_finding(
            column, _as_text(column, column.gone, f"{column.where(code[0])}, {code[1]}", len(present))
        )
    if all(_INT.fullmatch(cell) for cell in present):
        return with_missing_finding(column, _integers(column))
    if doubt is not None:
        why = f"{column.where(doubt)}, with a decimal point or a thousands separator"
        why += "; say the decimal mark by `--decimal`"
        return with_missing_finding(column, _as_text(column, column.gone, why, len(present)))
    if all(FLOAT[mark].fullmatch(cell) for cell in present):
        return with_missing_finding(column, _floats(column, decimals))
    if all(cell.lower() in _BOOLEANS for cell in present):
        return with_missing_finding(column, _booleans(column))
    if are_datetimes(present):
        times = [None if out else cell for cell, out in zip(column.stripped, column.gone, strict=True)]
        return with_missing_finding(column, ReadColumn(ColumnSchema(name=column.name, kind="datetime"), times))
    return _words(column, mark)


def with_blank_finding(column: TextColumn, read: ReadColumn) -> ReadColumn:
    """Adds to `read` a finding about the cells of white space alone, which are missing as empty ones are."""
    rows = [row for row, cell in enumerate(column.cells) if cell and not column.stripped[row]]
    if not rows:
        return read
    held = f"{len(rows)} cells hold" if len(rows) > 1 else "one cell holds"
    message = f"{held} white space alone, which is read as missing: {column.place(rows[0])}"
    return read._replace(findings=(*read.findings, understood(column, message, len(rows))))


def with_missing_finding(column: TextColumn, read: ReadColumn) -> ReadColumn:
    """Adds to `read` a finding about the words that were taken for missing values; of NaN among floats, which is one,
    none."""
    words = column.supposed
    if read.feature.kind == "float":
        words = [word for word in words if word.lower() != "nan"]
    if not words:
        return read
    said = ", ".join(sorted(set(words)))
    message = f"{said} {'are' if len(set(words)) > 1 else 'is'} read as missing: {column.where(words[0])}"
    return read._replace(findings=(*read.findings, understood(column, message, len(words))))


def _nothing(column: TextColumn) -> ReadColumn:
    feature, cells = ColumnSchema(name=column.name, kind="text"), [None] * len(column.cells)
    words = column.supposed
    if not words:
        return ReadColumn(feature, cells)
    message = f"{column.where(words[0])}, and no cell says more: all are read as missing"
    return ReadColumn(feature, cells, (understood(column, message, len(words)),))


def _integers(column: TextColumn) -> ReadColumn:
    for cell in column.present:
        if len(cell) > LONGEST_INT64 or not in_int64(int(cell)):
            return _as_text(
                column, column.gone, f"{column.where(cell)}, which does not fit 64 bits", len(column.present)
            )
    if len(column.present) == len(column.cells):
        return ReadColumn(
            ColumnSchema(name=column.name, kind="int"), np.array([int(cell) for cell in column.present], np.int64)
        )
    values = [None if out else int(cell) for cell, out in zip(column.stripped, column.gone, strict=True)]
    return ReadColumn(ColumnSchema(name=column.name, kind="int"), np.array(values, object))


def _floats(column: TextColumn, decimals: Decimals) -> ReadColumn:
    read = floats(column, decimals)
    if isinstance(read, str):
        return _as_text(column, column.gone, f"{column.where(read)}, which no float64 holds", len(column.present))
    return read


def floats(column: TextColumn, decimals: Decimals) -> ReadColumn | str:
    """Parses cells that are all written as numbers; or returns the first one that no double represents."""
    values, mark = np.full(len(column.cells), np.nan), decimals.mark(column.name)
    changed = []
    for row, cell in enumerate(column.stripped):
        if not column.gone[row]:
            value = float_of(text := cell.replace(mark, "."))
            if value is None:
                return cell
            if is_rounded(text, value):
                changed.append(cell)
            values[row] = value
    feature = ColumnSchema(name=column.name, kind="float")
    findings = [rounded(column.name, len(changed), column.where(changed[0]))] if changed else []
    commas = [cell for cell in column.present if "," in cell]
    if commas and decimals.declared is None:
        message = f"commas are read as decimal points: {column.where(commas[0])}"
        findings.append(understood(column, message, len(commas)))
    return ReadColumn(feature, values, tuple(findings))


def _booleans(column: TextColumn) -> ReadColumn:
    values = [None if out else _BOOLEANS[cell.lower()] for cell, out in zip(column.stripped, column.gone, strict=True)]
    said = " and ".join(sorted(set(column.present)))
    message = f"{said} are read as booleans"
    finding = understood(column, message, len(column.present))
    return ReadColumn(ColumnSchema(name=column.name, kind="bool"), np.array(values, object), (finding,))


def _words(column: TextColumn, mark: str) -> ReadColumn:
    """Texts, with a finding where they are nearly something else."""
    numbers = [cell for cell in column.present if any(FLOAT[one].fullmatch(cell) for one in FLOAT)]
    if 2 * len(numbers) > len(column.present):
        other = next(cell for cell in column.present if not FLOAT[mark].fullmatch(cell))
        marked = f", and the decimal mark is {mark!r}" if other in numbers else ""
        why = f"{len(numbers)} cells are numbers, but {column.where(other)}{marked}"
        return _as_text(column, column.empty, why, len(numbers))
    if (doubt := doubt_of(column.present)) is not None:
        return with_missing_finding(
            column, _as_text(column, column.gone, f"{column.where(column.present[0])}, {doubt}", len(column.present))
        )
    if missing := column.supposed:
        said = ", ".join(sorted(set(missing)))
        why = (
            f"{column.where(missing[0])}, a word like others here ({said}); empty the cells that mean a missing one, "
            "or say by `--na` which words do"
        )
        return _as_text(column, column.empty, why, len(missing))
    if are_yes_and_no(column.present):
        why = f"{column.where(column.present[0])}, which may be true or false: declare the column boolean if it is"
        return _as_text(column, column.empty, why, len(column.present))
    return ReadColumn(ColumnSchema(name=column.name, kind="text"), kept(column, column.empty))


def _as_text(column: TextColumn, gone: Sequence[bool], why: str, count: int) -> ReadColumn:
    finding = DatasetFinding(kind="as_text", feature=column.name, count=count, message=f"kept as text: {why}")
    return ReadColumn(ColumnSchema(name=column.name, kind="text"), kept(column, gone), (finding,))


def kept(column: TextColumn, gone: Sequence[bool]) -> list[str | None]:
    """Keeps the cells as text, but for those that are missing."""
    return [None if out else cell for cell, out in zip(column.cells, gone, strict=True)]


def understood(column: TextColumn, message: str, count: int) -> DatasetFinding:
    return DatasetFinding(kind="understood", feature=column.name, count=count, message=message)
