"""Detects the separator of a CSV file's cells."""

import csv
import re
from typing import NamedTuple, TextIO

from bms.adapters.datasets.findings import DatasetFinding

SEPARATORS = ",;\t|"
_LOOKED_AT = 100  # rows
_SAID = re.compile(r"sep=([,;\t|])\s*")


class Separator(NamedTuple):
    """A CSV file's separator. `findings` say what a person may want to look at; `sep_lines` is how many lines at the
    beginning say it."""

    text: str
    findings: list[DatasetFinding]
    sep_lines: int = 0


def separator_of(file: TextIO) -> Separator:
    """Detects the one of `SEPARATORS` by which the header and the first rows have the same number of cells, the most of
    them if several do; if none does, that of the header. What stands within quotes separates nothing. A first line
    `sep=;`, as spreadsheets write it, says it."""
    if said := _SAID.fullmatch(file.readline()):
        message = f"the first line says that {said[1]!r} separates the columns, and is left out"
        return Separator(said[1], [DatasetFinding(kind="understood", count=1, message=message)], sep_lines=1)
    widths = {separator: _widths(file, separator) for separator in SEPARATORS}
    fitting = [separator for separator in SEPARATORS if _fits(widths[separator])]
    chosen = max(fitting or SEPARATORS, key=lambda separator: widths[separator][:1])
    cells = widths[chosen][0] if widths[chosen] else 0
    others = [f"{separator!r} ({widths[separator][0]} columns)" for separator in fitting if separator != chosen]
    if others:
        message = f"columns are separated by {chosen!r}; in the first rows {', '.join(others)} would do so as well"
    elif cells > 1 and chosen != ",":
        message = f"columns are separated by {chosen!r}"
    elif cells == 1 and _fits(_widths(file, " ")):
        message = (
            "there is one column, since none of , ; tab and | separates the first line; a space would: is it that?"
        )
    else:
        return Separator(chosen, [])
    return Separator(chosen, [DatasetFinding(kind="understood", count=cells, message=message)])


def declared_separator(file: TextIO, told: str) -> Separator:
    """Uses the declared separator, `told`, with a finding where it separates nothing and another would. A line `sep=;`
    is passed over."""
    if _SAID.fullmatch(file.readline()):
        return Separator(told, [], sep_lines=1)
    if _widths(file, told)[:1] != [1]:
        return Separator(told, [])
    fitting = [separator for separator in SEPARATORS if separator != told and _fits(_widths(file, separator))]
    if not fitting:
        return Separator(told, [])
    message = f"there is one column, since no {told!r} separates the first line; {fitting[0]!r} would"
    return Separator(told, [DatasetFinding(kind="understood", count=1, message=message)])


def _fits(widths: list[int]) -> bool:
    return len(set(widths)) == 1 and widths[0] > 1


def _widths(file: TextIO, separator: str) -> list[int]:
    """How many cells each of the first rows has, 0 for one that is no CSV by this separator."""
    file.seek(0)
    widths: list[int] = []
    try:
        for row in csv.reader(file, delimiter=separator, strict=True):
            if row:
                widths.append(len(row))
            if len(widths) == _LOOKED_AT:
                break
    except csv.Error:
        widths.append(0)
    return widths
