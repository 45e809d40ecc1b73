"""Tables from CSV: UTF-8, a header line, separated by comma, semicolon, tab or bar."""

import csv
from pathlib import Path
from typing import TextIO

from bms.adapters.datasets.cells import from_texts
from bms.adapters.datasets.files import single_file
from bms.adapters.datasets.schema import Schema
from bms.adapters.datasets.table import Table, table_of
from bms.core.errors import InvalidArgument

_SEPARATORS = ",;\t|"
_LONGEST_CELL = 16 << 20  # characters


def load(source: Path) -> Table:
    """Reads the file `source`, or the only *.csv below it. Raises InvalidArgument, naming the line."""
    path = single_file(source, ".csv")
    csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline(_LONGEST_CELL)
            separator = max(_SEPARATORS, key=first.count)
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
    for line in lines:
        if not line:
            continue
        if len(line) != len(names):
            raise InvalidArgument(
                f"{path.name}, line {lines.line_num}: {len(line)} cells where the header names {len(names)} columns"
            )
        for column, cell in zip(cells, line, strict=True):
            column.append(cell)
    typed = [from_texts(name, column) for name, column in zip(names, cells, strict=True)]
    schema = Schema(features=tuple(feature for feature, _ in typed))
    return table_of(schema, {feature.name: column for feature, column in typed})
