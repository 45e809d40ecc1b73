"""Imports JSON lines: one object a line, its keys the columns, alike in every row."""

from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

from bms.adapters.datasets.csv.encoding import MARK_MESSAGE
from bms.adapters.datasets.files import left_out, single_file
from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.datasets.json.cells import as_doubles, from_values
from bms.adapters.datasets.json.rows import row_of
from bms.adapters.datasets.schema import MOST_FEATURES, TableSchema
from bms.adapters.datasets.table import Table, table_of
from bms.core.errors import InvalidArgument

_LONGEST_LINE = 16 << 20  # bytes
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def load(source: Path) -> Table:
    """Reads the file `source`, or the only *.jsonl or *.ndjson below it. A key absent from some rows is missing there.

    Raises InvalidArgument, naming the line.
    """
    path = single_file(source, ".jsonl", ".ndjson")
    cells: dict[str, list[Any]] = {}
    lines = array("q")
    number = 0
    findings: list[DatasetFinding] = []
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            if len(line) > _LONGEST_LINE:
                raise InvalidArgument(f"{path.name}, line {number} is longer than {_LONGEST_LINE} bytes")
            if number == 1 and line.startswith(_BYTE_ORDER_MARK):
                line = line.removeprefix(_BYTE_ORDER_MARK)
                findings.append(DatasetFinding(kind="understood", count=1, message=MARK_MESSAGE.format("utf-8")))
            if not line.strip():
                continue
            for name, cell in _row(path, number, line).items():
                column = cells.setdefault(name, [])
                if len(cells) > MOST_FEATURES:
                    raise InvalidArgument(f"{path.name}, line {number}: more than {MOST_FEATURES} different keys")
                column.extend([None] * (len(lines) - len(column)))
                column.append(cell)
            lines.append(number)
    if not lines:
        raise InvalidArgument(f"{path.name} is empty: expected one JSON object a line")
    for column in cells.values():
        column.extend([None] * (len(lines) - len(column)))
    try:
        for name, column in cells.items():
            findings += as_doubles(name, column, lines)
        typed = [from_values(name, column, lines) for name, column in cells.items()]
    except InvalidArgument as error:
        raise InvalidArgument(f"{path.name}: {error.message}") from error
    schema = TableSchema(features=tuple(feature for feature, _ in typed))
    table = table_of(schema, {feature.name: column for feature, column in typed})
    return replace(table, findings=(*findings, *left_out(source, [path])), where=lambda row: f"line {lines[row]}")


def _row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        return row_of(line)
    except InvalidArgument as error:
        raise InvalidArgument(f"{path.name}, line {number} {error.message}") from error
