"""Imports CSV: a header line, then a line a row, in a form that is detected or declared."""

import csv
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TextIO

from bms.adapters.datasets.csv.decimals import Decimals, decimals_of
from bms.adapters.datasets.csv.declared_cells import declared
from bms.adapters.datasets.csv.encoding import encoding_of, undecodable
from bms.adapters.datasets.csv.header import header_of
from bms.adapters.datasets.csv.separator import Separator, declared_separator, separator_of
from bms.adapters.datasets.csv.text_cells import ReadColumn, TextColumn, from_texts, with_blank_finding
from bms.adapters.datasets.csv.thousands import without_thousands
from bms.adapters.datasets.files import left_out, single_file
from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.datasets.schema import TableSchema
from bms.adapters.datasets.table import Table, table_of
from bms.core.errors import InvalidArgument
from bms.core.formats.text_options import Reading

_LONGEST_CELL = 16 << 20  # characters


def load(source: Path, reading: Reading = Reading()) -> Table:
    """Reads the file `source`, or the only *.csv or *.tsv below it. What `reading` leaves open is detected; findings
    report what was detected and what is doubtful.

    Raises InvalidArgument, naming the line and the column, both counted from 1.
    """
    path = single_file(source, ".csv", ".tsv")
    csv.field_size_limit(_LONGEST_CELL)
    codec, findings = encoding_of(path, reading.encoding)
    try:
        with path.open(encoding=codec, newline="") as file:
            separator = declared_separator(file, reading.separator) if reading.separator else separator_of(file)
            lines = _lines(path, file, separator)
    except UnicodeError as error:
        raise undecodable(path, codec) from error
    table = _table(f"{path.name}, line {lines.first}", lines, reading)
    said = (*findings, *separator.findings, *_blank(lines), *table.findings, *left_out(source, [path]))
    return Table(table.schema, table.columns, table.rows, said, where=lambda row: f"line {lines.numbers[row]}")


class _Lines(NamedTuple):
    """The lines of a file, with their numbers. `first` is the header's line, `numbers` those in which the rows begin,
    `blank` counts lines of nothing between them."""

    first: int
    written: list[str]  # the names with the blanks around them
    names: list[str]
    columns: list[list[str]]
    numbers: "array[int]"
    blank: int


def _lines(path: Path, file: TextIO, separator: Separator) -> _Lines:
    file.seek(0)
    before = separator.sep_lines  # lines
    for _ in range(before):
        file.readline()
    lines = csv.reader(file, delimiter=separator.text, strict=True)
    names: list[str] = []
    written: list[str] = []
    columns: list[list[str]] = []
    numbers, first, offset = array("q"), 1, before
    passed = blank = 0
    try:
        for line in lines:
            start, before = before + 1, offset + lines.line_num
            if not line:
                passed += bool(names)
                continue
            if not names:
                written, names, first = line, [name.strip() for name in line], start
                columns = [[] for _ in names]
                continue
            if len(line) != len(names):
                raise InvalidArgument(
                    f"{path.name}, line {start}: {len(line)} cells where the header names {len(names)} columns"
                )
            blank = passed
            numbers.append(start)
            for column, cell in zip(columns, line, strict=True):
                column.append(cell)
    except csv.Error as error:
        raise InvalidArgument(
            f"{path.name} is not CSV: line {before + 1} begins a row in which {_advice(error)}"
        ) from error
    if not names:
        raise InvalidArgument(f"{path.name} is empty: expected a line of column names, then one line a row")
    return _Lines(first, written, names, columns, numbers, blank)


def _blank(lines: _Lines) -> list[DatasetFinding]:
    """In a file of one column an empty line may be meant as a value that is missing."""
    if not lines.blank or len(lines.names) > 1:
        return []
    message = f'{lines.blank} empty lines are passed over: write "" for a value that is missing'
    return [DatasetFinding(kind="left_out", count=lines.blank, message=message)]


def _advice(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end of data" in words:
        return "a quote is opened and never closed; close it, or double it if it is part of the text"
    if "expected after" in words:
        return "something follows a closing quote; double the quotes that are part of a text"
    return words


def _table(where: str, lines: _Lines, reading: Reading) -> Table:
    header = header_of(where, lines.names, lines.columns)
    if unknown := [name for name in reading.columns if name not in header.names]:
        shown = ", ".join(header.names[:20]) + (", …" if len(header.names) > 20 else "")
        raise InvalidArgument(f"{where} names no column {unknown[0][:80]!r}; it names {shown}")
    columns = [
        TextColumn(name, lines.columns[place], lines.numbers, number=place + 1, na=reading.na)
        for place, name in zip(header.kept, header.names, strict=True)
    ]
    decimals = _decimals(columns, reading)
    read = [_read(column, decimals, reading) for column in columns]
    return table_of(
        TableSchema(features=tuple(one.feature for one in read)),
        {one.feature.name: one.column for one in read},
        (
            *header.findings,
            *_trimmed(lines.written, columns, read),
            *(finding for one in read for finding in one.findings),
            *_unfound(columns, reading.na),
        ),
    )


def _decimals(columns: Iterable[TextColumn], reading: Reading) -> Decimals:
    if reading.decimal is not None:
        return Decimals(declared=reading.decimal)
    return decimals_of(
        {column.name: column.present for column in columns if reading.columns.get(column.name) != "text"}
    )


def _read(column: TextColumn, decimals: Decimals, reading: Reading) -> ReadColumn:
    word = reading.columns.get(column.name)
    if word in (None, "number", "integer") and (plain := without_thousands(column, decimals, word)):
        read = _as_declared(plain.column, Decimals(declared=plain.mark), word)
        if read.feature.kind in ("int", "float"):  # not where it is kept as text: then as it is written
            return read._replace(findings=(*read.findings, plain.finding))
    return _as_declared(column, decimals, word)


def _as_declared(column: TextColumn, decimals: Decimals, word: str | None) -> ReadColumn:
    return with_blank_finding(
        column, from_texts(column, decimals) if word is None else declared(column, word, decimals)
    )


def _trimmed(names: Iterable[str], columns: Iterable[TextColumn], read: Iterable[ReadColumn]) -> list[DatasetFinding]:
    """What was read without the blanks around it; texts keep theirs."""
    findings = []
    if padded := [name for name in names if name != name.strip()]:
        message = f"blanks around names of columns are left out: {padded[0][:40]!r}"
        findings.append(DatasetFinding(kind="understood", count=len(padded), message=message))
    places = [
        column.where_written(row)
        for column, one in zip(columns, read, strict=True)
        if one.feature.kind != "text"
        for row, (cell, bare) in enumerate(zip(column.cells, column.stripped, strict=True))
        if cell != bare and bare
    ]
    if places:
        message = f"blanks around cells are left out: {places[0]}"
        findings.append(DatasetFinding(kind="understood", count=len(places), message=message))
    return findings


def _unfound(columns: Iterable[TextColumn], na: tuple[str, ...] | None) -> list[DatasetFinding]:
    """The words for what is missing that no cell says."""
    said = {cell for column in columns for cell in column.stripped} if na else set()
    words = [word for word in na or () if word.strip() and word.strip() not in said]
    return [
        DatasetFinding(kind="unfound", count=0, message=f"no cell says {word[:40]!r}, which `--na` names")
        for word in words
    ]
