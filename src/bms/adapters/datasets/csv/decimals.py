"""Detects a file's decimal mark, point or comma, from all its columns at once.

`0,5` can only be a half. `1,234` may be a thousand and more, or one and a bit: only the file's other numbers can decide
that.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_NUMBER = r"[+-]?(?:(?:0|[1-9]\d*)(?:{0}\d*)?|{0}\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?"
FLOAT = {mark: re.compile(_NUMBER.format(re.escape(mark)), re.ASCII | re.I) for mark in (".", ",")}
_GROUP = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)  # 1,234
_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(?:(?:,\d{3})+(?:\.\d+)?|(?:\.\d{3})+(?:,\d+)?)|[+-]?\d+", re.ASCII)


@dataclass(frozen=True)
class Decimals:
    """The decimal marks of a file's columns. `commas` names the columns whose decimals stand behind a comma; `doubts`
    has, by name, a cell of each column that could be read in two ways. `declared`: the declared mark of all columns."""

    commas: frozenset[str] = frozenset()
    doubts: Mapping[str, str] = field(default_factory=dict)
    declared: str | None = None

    def mark(self, name: str) -> str:
        if self.declared is not None:
            return self.declared
        return "," if name in self.commas else "."


def decimals_of(columns: Mapping[str, Sequence[str]]) -> Decimals:
    """Detects the decimal marks of columns with these cells, without the missing."""
    marked = {
        (name, mark): found for name, cells in columns.items() for mark in FLOAT if (found := _marked(cells, mark))
    }
    sure = {key for key, cells in marked.items() if any(not _GROUP.fullmatch(cell) for cell in cells)}
    by_comma, by_point = (any(mark == wanted for _, mark in sure) for wanted in (",", "."))
    commas = set()
    doubts = {}
    for (name, mark), cells in marked.items():
        certain = (name, mark) in sure or (by_comma and not by_point if mark == "," else not by_comma)
        if not certain:
            doubts[name] = cells[0]
        elif mark == ",":
            commas.add(name)
    for name, written in columns.items():
        grouped = next((cell for cell in written if "," in cell or cell.count(".") > 1), None)
        if grouped is not None and name not in commas and all(_GROUPS.fullmatch(cell) for cell in written):
            doubts[name] = grouped
    return Decimals(frozenset(commas), doubts)


def _marked(cells: Sequence[str], mark: str) -> list[str]:
    """The cells that hold `mark`, if all are numbers that may be written with it; else none."""
    found = [cell for cell in cells if mark in cell]
    return found if found and all(FLOAT[mark].fullmatch(cell) for cell in cells) else []
