"""CSV bodies (RFC 4180): a line that names the columns, then a line for each row; UTF-8, separated by commas."""

import csv
import io

from bms.core.errors import InvalidArgument

_TURNED = 1024  # rows at once: in few steps, and no more lists at a time than that


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
        rows: list[list[str]] = []
        width = len(names)
        for line in lines:
            if len(line) != width:
                if line:
                    raise InvalidArgument(f"line {lines.line_num} has {len(line)} cells for {width} columns")
                if width > 1:
                    continue
                line = [""]  # of one column, an empty line is a row whose value is missing
            rows.append(line)
            if len(rows) == _TURNED:
                _turn(rows, cells)
        _turn(rows, cells)
    except csv.Error as error:
        raise InvalidArgument(f"line {lines.line_num} is not CSV: {error}") from None
    return names, cells


def _turn(rows: list[list[str]], cells: list[list[str]]) -> None:
    """Moves the rows to the ends of the columns."""
    for column, more in zip(cells, zip(*rows, strict=True), strict=False):  # of no rows, nothing
        column.extend(more)
    rows.clear()
