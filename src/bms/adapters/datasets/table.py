"""A table in memory, column by column."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.columns import Column, completed
from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.datasets.schema import TableSchema, check_schema
from bms.core.errors import InvalidArgument


def row_place(row: int) -> str:
    """The default name of a row in messages; counted from 0 here."""
    return f"row {row + 1}"


@dataclass(frozen=True)
class Table:
    """A data set's rows in memory. `columns` holds one entry per feature of `schema`, all of `rows` rows. `findings`
    are its source's.

    `where` says what a person calls a row, counted from 0. `parts`: the rows of the splits that the source itself has.
    """

    schema: TableSchema
    columns: dict[str, Column]
    rows: int
    findings: tuple[DatasetFinding, ...] = ()
    where: Callable[[int], str] = row_place
    parts: Mapping[str, NDArray[np.int64]] | None = None

    def numbers(self, name: str) -> NDArray[Any]:
        column = self.columns[name]
        if not isinstance(column, np.ndarray):
            raise InvalidArgument(f"column {name!r} holds no numbers")
        return column

    def texts(self, name: str) -> list[str | None]:
        """The values of a text column; None where missing."""
        return [None if cell is None else str(cell) for cell in self.columns[name]]

    def take(self, indices: NDArray[np.int64]) -> "Table":
        """Selects the rows at `indices`, in their order."""
        columns = {name: _taken(column, indices) for name, column in self.columns.items()}
        return Table(self.schema, columns, len(indices), self.findings)


def table_of(schema: TableSchema, columns: dict[str, Column], findings: tuple[DatasetFinding, ...] = ()) -> Table:
    """Makes a checked table, its columns and features `settled`.

    Raises InvalidArgument unless every feature has a column and all are equally long.
    """
    check_schema(schema)
    if {feature.name for feature in schema.features} != set(columns):
        raise InvalidArgument("the columns are not those of the schema")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InvalidArgument(f"the columns have different numbers of rows: {shown}")
    settling = [completed(feature, columns[feature.name]) for feature in schema.features]
    whole = check_schema(TableSchema(features=tuple(feature for feature, _ in settling)))
    held = {feature.name: column for feature, column in settling}
    return Table(whole, held, next(iter(lengths.values())), findings)


class Files(Sequence[bytes]):
    """Contents of files as a sequence, read each time they are asked for, so that a large set need not fit in
    memory."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "Files": ...
    def __getitem__(self, index: int | slice) -> "bytes | Files":
        if isinstance(index, slice):
            return Files(self.paths[index])
        return self.paths[index].read_bytes()

    def __iter__(self) -> Iterator[bytes]:
        return (path.read_bytes() for path in self.paths)


def _taken(column: Column, indices: NDArray[np.int64]) -> Column:
    if isinstance(column, np.ndarray):
        return column[indices]
    if isinstance(column, Files):
        return Files([column.paths[index] for index in indices])
    return [column[index] for index in indices]
