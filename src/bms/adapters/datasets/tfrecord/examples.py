"""Encodes a table's rows as tf.train.Example and decodes them, by a schema."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.exact import in_float32
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.table import Table, row_place
from bms.core.errors import BmsError, InvalidArgument
from bms.core.formats.example_codec import Value, decode_example, encode_entry, encode_value, join_entries


def encode_rows(table: Table) -> Iterator[bytes]:
    """Encodes rows, one Example each, in the table's order."""
    makers = [_entry_maker(feature, table) for feature in sorted(table.schema.features, key=lambda f: f.name)]
    for row in range(table.rows):
        yield join_entries([make(row) for make in makers])


def decode_rows(
    schema: TableSchema, records: Iterable[bytes], first_row: int = 0, place: Callable[[int], str] = row_place
) -> dict[str, Column]:
    """Decodes the rows `records` to columns. Features the schema does not name are left out.

    Raises InvalidArgument naming the `place` of a row, counted from `first_row`, and what it lacks.
    """
    cells: dict[str, list[Any]] = {feature.name: [] for feature in schema.features}
    readers = [(feature.name, cells[feature.name].append, _cell_reader(feature)) for feature in schema.features]
    for row, record in enumerate(records, first_row):
        try:
            example = decode_example(record)
            for name, append, read in readers:
                append(read(example.get(name)))
        except BmsError as error:
            raise InvalidArgument(f"{place(row)}: {error.message}") from error
    return {feature.name: _stacked(feature, cells[feature.name]) for feature in schema.features}


def _entry_maker(feature: ColumnSchema, table: Table) -> Callable[[int], bytes]:
    """What writes the cell of a row; a missing one is an entry left out."""
    name = feature.name.encode()
    value_of = _value_maker(feature, table)

    def make(row: int) -> bytes:
        value = value_of(row)
        return b"" if value is None else encode_entry(name, encode_value(value))

    return make


def _value_maker(feature: ColumnSchema, table: Table) -> Callable[[int], Value]:
    """What gives the value of a row; None: missing."""
    column = table.columns[feature.name]
    if feature.kind in ("text", "datetime"):
        return lambda row: None if column[row] is None else [str(column[row]).encode()]
    if feature.kind == "image":
        return lambda row: [bytes(column[row])]  # type: ignore[arg-type]
    numbers = table.numbers(feature.name)
    if numbers.dtype == object:
        return lambda row: None if numbers[row] is None else np.array(numbers[row : row + 1], np.int64)
    if feature.kind == "float":
        numbers = _stored(feature, numbers)
    flat = numbers.reshape(table.rows, -1) if table.rows else numbers
    if feature.stored == "float64":
        return lambda row: [flat[row].tobytes()]
    return lambda row: flat[row]


def _stored(feature: ColumnSchema, floats: NDArray[Any]) -> NDArray[Any]:
    """The floats as the feature says that they are stored. Raises InvalidArgument where float32 would change them."""
    if feature.stored == "float64":
        return floats.astype("<f8", copy=False)
    if not in_float32(floats):
        raise InvalidArgument(f"column {feature.name!r} holds floats that float32 does not: store it as float64")
    return floats.astype("<f4")


def _cell_reader(feature: ColumnSchema) -> Callable[[Value], Any]:
    """What checks and converts one cell; None: missing."""
    kind, classes = feature.kind, len(feature.labels)
    count = int(np.prod(feature.shape, dtype=object)) if kind in ("float", "int", "bool") else 1
    wanted = {"float": np.float32, "int": np.int64, "bool": np.int64, "label": np.int64}.get(kind, bytes)

    def read(value: Value) -> Any:
        if feature.optional and (value is None or (count and not len(value))):
            return None
        if feature.stored == "float64" and isinstance(value, list) and [len(item) for item in value] == [8 * count]:
            return np.frombuffer(value[0], "<f8")
        holds: object = value.dtype.type if isinstance(value, np.ndarray) else bytes
        if value is None or holds is not wanted or len(value) != count:
            raise InvalidArgument(f"column {feature.name!r} should hold {count} of {kind}, but has {_described(value)}")
        if kind == "label":
            label = int(value[0])
            if not 0 <= label < classes:
                raise InvalidArgument(f"column {feature.name!r} has label {label}; there are {classes} classes")
            return label
        if kind == "bool" and not np.isin(value, (0, 1)).all():
            raise InvalidArgument(f"column {feature.name!r} should hold booleans, 0 and 1, but has {list(value)[:3]}")
        if kind in ("text", "datetime"):
            return _text(value[0], feature.name)
        return value[0] if kind == "image" else value

    return read


def _text(value: Any, name: str) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"column {name!r} is not UTF-8 text: {error}") from error


def _described(value: Value) -> str:
    if value is None:
        return "nothing"
    return f"{len(value)} of {value.dtype if isinstance(value, np.ndarray) else 'bytes'}"


def _stacked(feature: ColumnSchema, cells: list[Any]) -> Column:
    if feature.kind == "label":
        return np.array(cells, np.int64)
    if feature.kind not in ("float", "int", "bool"):
        return cells
    dtype = {"float": np.float64, "int": np.int64, "bool": np.bool_}[feature.kind]
    if feature.optional and feature.kind != "float":
        return np.array([None if cell is None else dtype(cell[0]).item() for cell in cells], object)
    if not cells:
        return np.zeros((0, *feature.shape), dtype)
    missing = np.full(int(np.prod(feature.shape, dtype=object)), np.nan)
    stacked = np.concatenate([missing if cell is None else cell for cell in cells]).reshape(len(cells), *feature.shape)
    return stacked.astype(dtype, copy=False)
