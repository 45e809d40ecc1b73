"""CSV bodies (RFC 4180): a line that names the columns, then a line for each row; UTF-8, separated by commas."""

import csv
import io

from bms.core.errors import InvalidArgument


def read_csv(body: bytes) -> tuple[list[str], list[list[str]]]:
    """Returns the names of the columns, and of each its cells. Raises InvalidArgument naming the line."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidArgument("the CSV is not UTF-8") from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = next(lines, [])
        if not names:
            raise InvalidArgument("the CSV's first line is empty: it must name the columns")
        if len(set(names)) != len(names):
            raise InvalidArgument("the CSV's first line names a column twice")
        cells: list[list[str]] = [[] for _ in names]
        for line in lines:
            if not line and len(names) > 1:
                continue
            line = line or [""]  # of one column, an empty line is a row whose value is missing
            if len(line) != len(names):
                raise InvalidArgument(f"line {lines.line_num} has {len(line)} cells for {len(names)} columns")
            for column, cell in zip(cells, line, strict=True):
                column.append(cell)
    except csv.Error as error:
        raise InvalidArgument(f"line {lines.line_num} is not CSV: {error}") from None
    return names, cells
