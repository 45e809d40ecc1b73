"""Imports Parquet files, by pyarrow."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bms.adapters.datasets.arrow.columns import column_of
from bms.adapters.datasets.arrow.int96 import unit_of
from bms.adapters.datasets.files import all_files, left_out
from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.datasets.parts import parts_of_files
from bms.adapters.datasets.schema import TableSchema
from bms.adapters.datasets.table import Table, table_of
from bms.core.errors import FailedPrecondition, InvalidArgument

_INDEX = re.compile(r"__index_level_\d+__")  # what pandas calls an index without a name


def load(source: Path) -> Table:
    """Reads all rows of the file `source`, or of every *.parquet below it in the order of their names, which must have
    the same columns. Files named after splits are those. An index of pandas without a name is left out, and a finding
    says so.

    Needs pyarrow: raises FailedPrecondition without it, InvalidArgument naming the file or column.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise FailedPrecondition("Parquet needs pyarrow in the job's environment") from error
    paths = all_files(source, ".parquet")
    if not paths:
        raise InvalidArgument("expected *.parquet files, found none")
    for path in paths:
        _check_no_partition(source, path)
    unit = unit_of(paths, _opened)
    pieces = [_read(path, unit) for path in paths]
    for path, piece in zip(paths, pieces, strict=True):
        if not piece.schema.equals(pieces[0].schema):
            raise InvalidArgument(
                f"{path.name} has other columns or types than {paths[0].name}: {_unlike(pieces[0], piece)}"
            )
    table = pyarrow.concat_tables(pieces)
    read, findings = [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if _INDEX.fullmatch(name):
            message = f"column {name!r} is an index of pandas without a name: it is left out"
            findings.append(DatasetFinding(kind="understood", count=table.num_rows, message=message))
        else:
            read.append(column_of(name, column, pyarrow))
    schema = TableSchema(features=tuple(feature for feature, _ in read))
    parts, said = parts_of_files([path.name for path in paths], [piece.num_rows for piece in pieces])
    columns = {feature.name: column for feature, column in read}
    return replace(table_of(schema, columns, (*findings, *said, *left_out(source, paths))), parts=parts)


def _check_no_partition(source: Path, path: Path) -> None:
    """Folders named `year=2026` hold a column that the files lack."""
    for part in () if path == source else path.relative_to(source).parent.parts:
        if "=" in part:
            raise InvalidArgument(
                f"the folder {part!r} holds a column's value beside its files: write files with all columns"
            )


@contextmanager
def _opened(path: Path, unit: str) -> Iterator[Any]:
    """The file, its times of INT96 read in `unit`."""
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path, coerce_int96_timestamp_unit=unit) as file:
            yield file
    except (ArrowException, OSError) as error:
        raise InvalidArgument(f"{path.name} is not a Parquet file, or is damaged: {error}") from error


def _read(path: Path, unit: str) -> Any:
    with _opened(path, unit) as file:
        return file.read(use_threads=False)


def _unlike(one: Any, other: Any) -> str:
    """The first difference of two tables' columns."""
    ours, theirs = ([f"{field.name}: {field.type}" for field in table.schema] for table in (one, other))
    for left, right in zip(ours, theirs, strict=False):
        if left != right:
            return f"{right} for {left}"
    return f"{len(theirs)} columns for {len(ours)}"
