"""Rows of a table as Examples and back, by a schema."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from bms.adapters.datasets.example_codec import Value, decode_example, encode_entry, encode_value, join_entries
from bms.adapters.datasets.schema import Feature, Schema
from bms.adapters.datasets.table import Column, Table
from bms.core.errors import BmsError, InvalidArgument


def encode_rows(table: Table) -> Iterator[bytes]:
    """One Example a row, in the table's order."""
    makers = [_entry_maker(feature, table) for feature in sorted(table.schema.features, key=lambda f: f.name)]
    for row in range(table.rows):
        yield join_entries([make(row) for make in makers])


def decode_rows(schema: Schema, records: Iterable[bytes], first_row: int = 0) -> dict[str, Column]:
    """The columns of the rows `records`. Features the schema does not name are left out.

    Raises InvalidArgument naming the row, counted from `first_row`, and what it lacks.
    """
    cells: dict[str, list[Any]] = {feature.name: [] for feature in schema.features}
    readers = [(feature.name, cells[feature.name].append, _cell_reader(feature)) for feature in schema.features]
    for row, record in enumerate(records, first_row):
        try:
            example = decode_example(record)
            for name, append, read in readers:
                append(read(example.get(name)))
        except BmsError as error:
            raise InvalidArgument(f"row {row}: {error.message}") from error
    return {feature.name: _stacked(feature, cells[feature.name]) for feature in schema.features}


def _entry_maker(feature: Feature, table: Table) -> Callable[[int], bytes]:
    name = feature.name.encode()
    column = table.columns[feature.name]
    if isinstance(column, np.ndarray):
        flat = column.reshape(table.rows, -1) if table.rows else column
        return lambda row: encode_entry(name, encode_value(flat[row]))
    if feature.kind == "text":
        return lambda row: encode_entry(name, encode_value([str(column[row]).encode()]))
    return lambda row: encode_entry(name, encode_value([bytes(column[row])]))  # type: ignore[arg-type]


def _cell_reader(feature: Feature) -> Callable[[Value], Any]:
    """What checks and converts one cell."""
    kind, classes = feature.kind, len(feature.labels)
    count = int(np.prod(feature.shape, dtype=object)) if kind in ("float", "int") else 1
    wanted = {"float": np.float32, "int": np.int64, "label": np.int64}.get(kind, bytes)

    def read(value: Value) -> Any:
        holds: object = value.dtype.type if isinstance(value, np.ndarray) else bytes
        if value is None or holds is not wanted or len(value) != count:
            raise InvalidArgument(f"column {feature.name!r} should hold {count} of {kind}, but has {_told(value)}")
        if kind == "label":
            label = int(value[0])
            if not 0 <= label < classes:
                raise InvalidArgument(f"column {feature.name!r} has label {label}; there are {classes} classes")
            return label
        if kind == "text":
            return _text(value[0], feature.name)
        return value[0] if kind == "image" else value

    return read


def _text(value: Any, name: str) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"column {name!r} is not UTF-8 text: {error}") from error


def _told(value: Value) -> str:
    if value is None:
        return "nothing"
    return f"{len(value)} of {value.dtype if isinstance(value, np.ndarray) else 'bytes'}"


def _stacked(feature: Feature, cells: list[Any]) -> Column:
    if feature.kind == "label":
        return np.array(cells, np.int64)
    if feature.kind in ("float", "int"):
        dtype = np.float32 if feature.kind == "float" else np.int64
        if not cells:
            return np.zeros((0, *feature.shape), dtype)
        return np.concatenate(cells).reshape(len(cells), *feature.shape)
    return cells
