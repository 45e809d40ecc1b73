"""Converts cells to a column's declared type; the first cell that is not of it is refused."""

import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from bms.adapters.datasets.csv.decimals import FLOAT, Decimals
from bms.adapters.datasets.csv.text_cells import (
    LONGEST_INT64,
    ReadColumn,
    TextColumn,
    floats,
    kept,
    with_missing_finding,
)
from bms.adapters.datasets.datetimes import are_datetimes
from bms.adapters.datasets.exact import in_int64
from bms.adapters.datasets.schema import ColumnSchema
from bms.core.errors import InvalidArgument

T = TypeVar("T")
_WHOLE = re.compile(r"([+-]?\d+)(?:[.,]0?)?", re.ASCII)  # 3.0 is what pandas writes of integers with gaps
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}


def declared(column: TextColumn, word: str, decimals: Decimals) -> ReadColumn:
    """Converts the column to "number", "integer", "boolean", "datetime" or "text". Of a text only the empty cell is
    missing, and the words of `na`; of others also the usual words, as a finding says.

    Raises InvalidArgument, naming the line and the column.
    """
    if word == "text":
        return ReadColumn(ColumnSchema(name=column.name, kind="text"), kept(column, column.empty))
    match word:
        case "number":
            read = _numbers(column, decimals)
        case "integer":
            read = _integers(column)
        case "boolean":
            values = [_BOOLEANS.get(cell.lower()) for cell in column.stripped]
            _check(column, "boolean", [value is not None for value in values])
            read = ReadColumn(ColumnSchema(name=column.name, kind="bool"), np.array(_but(column, values), object))
        case _:
            read = _datetimes(column)
    return with_missing_finding(column, read)


def _numbers(column: TextColumn, decimals: Decimals) -> ReadColumn:
    if (doubt := decimals.doubts.get(column.name)) is not None:
        raise InvalidArgument(
            f"{column.where(doubt)}, which could be read in two ways: say the decimal mark by `--decimal .` or "
            "`--decimal ,`"
        )
    mark = decimals.mark(column.name)
    wanted = f"number with the decimal mark {mark!r} (change it by `--decimal`)"
    _check(column, wanted, [bool(FLOAT[mark].fullmatch(cell)) for cell in column.stripped])
    read = floats(column, decimals)
    if isinstance(read, str):
        raise InvalidArgument(f"{column.where(read)}, which no float64 holds: declare {column.name!r} as text")
    return read


def _integers(column: TextColumn) -> ReadColumn:
    found = [_WHOLE.fullmatch(cell) for cell in column.stripped]
    _check(column, "integer", [one is not None for one in found])
    values: list[int | None] = []
    for row, one in enumerate(found):
        if column.gone[row] or one is None:
            values.append(None)
        elif len(digits := one[1].lstrip("+-").lstrip("0")) >= LONGEST_INT64 or not in_int64(int(one[1])):
            raise InvalidArgument(
                f"{column.place(row)} holds an integer of {len(digits)} digits, which does not fit 64 bits: declare "
                f"{column.name!r} as text"
            )
        else:
            values.append(int(one[1]))
    return ReadColumn(ColumnSchema(name=column.name, kind="int"), np.array(values, object))


def _datetimes(column: TextColumn) -> ReadColumn:
    _check(column, "date or time like 2026-11-21T10:00:00", [are_datetimes([cell]) for cell in column.stripped])
    if column.present and not are_datetimes(column.present):
        first = column.present[0]
        other = next(cell for cell in column.present if not are_datetimes([first, cell]))
        raise InvalidArgument(
            f"{column.where(other)}, and {column.where(first)}: times of one column have an offset from UTC, or none "
            "has"
        )
    return ReadColumn(ColumnSchema(name=column.name, kind="datetime"), _but(column, column.stripped))


def _check(column: TextColumn, wanted: str, fits: list[bool]) -> None:
    for row, (fine, gone) in enumerate(zip(fits, column.gone, strict=True)):
        if not fine and not gone:
            raise InvalidArgument(
                f"{column.place(row)} says {column.stripped[row][:40]!r}, which is no {wanted}: {column.name!r} was "
                "declared to hold that; mend the cell, name it by `--na` if it means a missing value, or declare text"
            )


def _but(column: TextColumn, values: Sequence[T]) -> list[T | None]:
    return [None if gone else value for value, gone in zip(values, column.gone, strict=True)]
