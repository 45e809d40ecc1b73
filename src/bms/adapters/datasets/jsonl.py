"""Tables from JSON lines: one object a line, its keys the columns, alike in every row."""

from pathlib import Path
from typing import Any

import msgspec

from bms.adapters.datasets.cells import from_values
from bms.adapters.datasets.files import single_file
from bms.adapters.datasets.schema import MOST_FEATURES, Schema
from bms.adapters.datasets.table import Table, table_of
from bms.core.errors import InvalidArgument

_LONGEST_LINE = 16 << 20  # bytes


def load(source: Path) -> Table:
    """Reads the file `source`, or the only *.jsonl below it. A key absent from some rows is missing there.

    Raises InvalidArgument, naming the line.
    """
    path = single_file(source, ".jsonl")
    decoder = msgspec.json.Decoder(dict[str, Any])
    cells: dict[str, list[Any]] = {}
    rows = number = 0
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            if len(line) > _LONGEST_LINE:
                raise InvalidArgument(f"{path.name}, line {number} is longer than {_LONGEST_LINE} bytes")
            if not line.strip():
                continue
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                raise InvalidArgument(f"{path.name}, line {number} is not a JSON object: {error}") from error
            for name, cell in row.items():
                column = cells.setdefault(name, [])
                if len(cells) > MOST_FEATURES:
                    raise InvalidArgument(f"{path.name}, line {number}: more than {MOST_FEATURES} different keys")
                column.extend([None] * (rows - len(column)))
                column.append(cell)
            rows += 1
    if not rows:
        raise InvalidArgument(f"{path.name} is empty: expected one JSON object a line")
    for column in cells.values():
        column.extend([None] * (rows - len(column)))
    typed = [from_values(name, column) for name, column in cells.items()]
    schema = Schema(features=tuple(feature for feature, _ in typed))
    return table_of(schema, {feature.name: column for feature, column in typed})
