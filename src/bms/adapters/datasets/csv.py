"""Tables from CSV: UTF-8, a header line, separated by comma, semicolon, tab or bar."""

import csv
from array import array
from pathlib import Path
from typing import TextIO

from bms.adapters.datasets.csv_separator import separator_of
from bms.adapters.datasets.decimals import decimals_of
from bms.adapters.datasets.files import single_file
from bms.adapters.datasets.findings import Finding
from bms.adapters.datasets.schema import Schema
from bms.adapters.datasets.table import Table, table_of
from bms.adapters.datasets.text_cells import TextColumn, from_texts
from bms.core.errors import InvalidArgument

_LONGEST_CELL = 16 << 20  # characters


def load(source: Path) -> Table:
    """Reads the file `source`, or the only *.csv below it. Its separator and decimal mark are told from its content;
    the index that pandas writes, a first column of different integers without a name, is left out. Findings say so.

    Raises InvalidArgument, naming the line.
    """
    path = single_file(source, ".csv")
    csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = separator_of(file)
            file.seek(0)
            return _read(path, file, separator)
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{path.name} is not UTF-8: {error}; save it as UTF-8") from error
    except csv.Error as error:
        raise InvalidArgument(f"{path.name} is not CSV: {error}") from error


def _read(path: Path, file: TextIO, separator: str) -> Table:
    lines = csv.reader(file, delimiter=separator, strict=True)
    names = [name.strip() for name in next(lines, [])]
    if not names:
        raise InvalidArgument(f"{path.name} is empty: expected a line of column names, then one line a row")
    cells: list[list[str]] = [[] for _ in names]
    numbers = array("q")
    for line in lines:
        if not line:
            continue
        if len(line) != len(names):
            raise InvalidArgument(
                f"{path.name}, line {lines.line_num}: {len(line)} cells where the header names {len(names)} columns"
            )
        numbers.append(lines.line_num)
        for column, cell in zip(cells, line, strict=True):
            column.append(cell)
    columns = [TextColumn(name, column, numbers) for name, column in zip(names, cells, strict=True)]
    findings = _told_separator(separator, names)
    if not names[0] and len(names) > 1:
        findings.append(_index(path, columns.pop(0)))
    if "" in (column.name for column in columns):
        number = len(names) - len(columns) + 1 + [column.name for column in columns].index("")
        raise InvalidArgument(f"{path.name}, line 1: a column is named '': give column {number} a name")
    decimals = decimals_of({column.name: column.present for column in columns})
    read = [from_texts(column, decimals) for column in columns]
    schema = Schema(features=tuple(one.feature for one in read))
    return table_of(
        schema,
        {one.feature.name: one.column for one in read},
        (*findings, *(finding for one in read for finding in one.findings)),
    )


def _told_separator(separator: str, names: list[str]) -> list[Finding]:
    if separator == ",":
        return []
    message = f"columns are separated by {separator!r}"
    return [Finding(kind="understood", count=len(names), message=message)]


def _index(path: Path, column: TextColumn) -> Finding:
    """That `column`, the first, without a name, is left out. Raises InvalidArgument unless it can be an index."""
    if len(set(column.present)) < len(column.cells) or not all(cell.isdecimal() for cell in column.present):
        raise InvalidArgument(
            f"{path.name}, line 1: a column is named '', the first, and it is no index of different integers: name it"
        )
    return Finding(
        kind="understood",
        count=len(column.cells),
        message="the first column has no name and numbers the rows, as pandas writes an index: it is left out",
    )
