"""Reads numbers with thousands separators: 9.233,50 and 9,233.50, 9'233.50 and 9 233,50.

They are read only where all of a column are written so, in one way, and the decimal mark is declared, or the column is
declared as numbers and there is just one way to read them.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from bms.adapters.datasets.csv.decimals import FLOAT, Decimals
from bms.adapters.datasets.csv.text_cells import TextColumn, understood
from bms.adapters.datasets.findings import DatasetFinding

_BLANKS = " \u00a0\u2009\u202f"
_APOSTROPHES = "'\u2019"
_OTHER = {".": ",", ",": "."}


class Plain(NamedTuple):
    """A column without its thousands separators; its decimal mark, and the findings about it."""

    column: TextColumn
    mark: str
    finding: DatasetFinding


class _Written(NamedTuple):
    cells: tuple[str, ...]  # with a decimal point
    mark: str
    thousands: str  # the marks that mean thousands; empty where none does


def without_thousands(column: TextColumn, decimals: Decimals, word: str | None) -> Plain | None:
    """Removes a column's thousands separators; None where it has none, or where that would be a guess. `word` is the
    type that a person declared for it."""
    if not column.present:
        return None
    marks = [decimals.declared] if decimals.declared is not None else [".", ","] if word is not None else []
    ways = [way for mark in marks if (way := _written(column.present, mark))]
    if len({way.cells for way in ways}) != 1 or not ways[0].thousands:
        return None
    way = ways[0]
    if word == "integer" and decimals.declared is None and way.thousands in ".,":
        return None
    shown = next(cell for cell in column.present if any(mark in cell for mark in way.thousands))
    marked = [cell for cell in column.present if any(mark in cell for mark in way.thousands)]
    kinds = {_BLANKS: "a blank", _APOSTROPHES: "an apostrophe"}
    said = kinds.get(way.thousands, repr(way.thousands))
    finding = understood(column, f"{said} is read as the mark of thousands: {column.where(shown)}", len(marked))
    cells = [cell if gone else _bare(cell, way) for cell, gone in zip(column.stripped, column.gone, strict=True)]
    return Plain(column.rewritten(cells), way.mark, finding)


def _written(cells: Sequence[str], mark: str) -> _Written | None:
    """How all of these are numbers with the decimal mark `mark`; None if they are not."""
    plain = FLOAT[mark]
    for thousands in ("", _OTHER[mark], _BLANKS, _APOSTROPHES):
        grouped = _grouped(mark, thousands) if thousands else plain
        if all(plain.fullmatch(cell) or grouped.fullmatch(cell) for cell in cells):
            way = _Written((), mark, thousands)
            return way._replace(cells=tuple(_bare(cell, way).replace(mark, ".") for cell in cells))
    return None


def _grouped(mark: str, thousands: str) -> re.Pattern[str]:
    return re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:[{thousands}]\d{{3}})+(?:{re.escape(mark)}\d*)?", re.ASCII)


def _bare(cell: str, way: _Written) -> str:
    return cell.translate({ord(mark): None for mark in way.thousands})
