"""Converts tables in bodies to the columns of a signature: rows as objects, rows as lists, MLflow's frames, CSV.

Names are joined by name; only rows that carry no names are taken by place. Sources: MLflow's scoring protocol
(https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally).
"""

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import mask_name
from bms.core.tensors.fitting import absent, columns_text, names_differ, needed_columns
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.json.columns import column_of, column_of_texts, list_of
from bms.protocols.json.repeats import refuse_repeats
from bms.protocols.json.values import JsonValue, ValueDecoder, joined
from bms.protocols.kserve.row_frames import NULL

V = TypeVar("V")


class SplitFrame(msgspec.Struct, Generic[V]):
    """A frame as pandas' `to_dict(orient="split")` writes it; its index says nothing to a model."""

    data: list[list[V]]
    columns: list[str | int] | None = None
    index: Any = None


_split: ValueDecoder[SplitFrame[JsonValue]] = ValueDecoder(SplitFrame[msgspec.Raw], SplitFrame[Any])
_lists: ValueDecoder[list[list[JsonValue]]] = ValueDecoder(list[list[msgspec.Raw]], list[list[object]])


def table_of_rows(rows: list[dict[str, JsonValue]], signature: Signature, notes: list[str]) -> list[Tensor]:
    """Converts rows as objects. A column that a row leaves out is missing there, if it may be.

    Raises InvalidArgument naming the row and both sides where names differ.
    """
    names = {spec.name for spec in signature.inputs}
    needed = needed_columns(signature.inputs)
    for index, row in enumerate(rows):
        keys = row.keys()
        if not keys <= names or any(name not in keys for name in needed):
            missing = [name for name in needed if name not in keys]
            unknown = [name for name in keys if name not in names]
            raise InvalidArgument(f"row {index}: {names_differ(signature.inputs, missing, unknown)}")
    tensors: list[Tensor] = []
    given = set().union(*rows)
    for spec in signature.inputs:
        if spec.name in given:
            values = joined([row.get(spec.name, NULL) for row in rows])
            tensors += _read(spec, _plain(values), notes)
    return tensors


def table_of_columns(given: Mapping[str, JsonValue], signature: Signature, notes: list[str]) -> list[Tensor]:
    """Converts a list of values for each name. Masks may stand beside; names are for `fit_inputs` to check."""
    specs = {spec.name: spec for spec in signature.inputs}
    masks = {mask_name(name) for name in specs}
    tensors: list[Tensor] = []
    for name, value in given.items():
        if name in specs:
            tensors += _read(specs[name], value, notes)
        elif name in masks:
            tensors += column_of(TensorSpec(name=name, dtype="BOOL", shape=(None,)), value, notes)
        else:
            missing = [name for name in needed_columns(signature.inputs) if name not in given]
            raise InvalidArgument(names_differ(signature.inputs, missing, [one for one in given if one not in specs]))
    return tensors


def table_of_one(value: JsonValue, signature: Signature, notes: list[str]) -> list[Tensor]:
    """Converts a list of the values of a table's one column. Where it has a name, rows may also be objects of that
    name."""
    spec = signature.inputs[0]
    values = list_of(value)
    named = spec.column is not None and not spec.column.nameless
    if named and values and all(isinstance(one, dict) and one.keys() == {spec.name} for one in values):
        return column_of(spec, [one[spec.name] for one in values], notes)  # type: ignore[index]
    return column_of(spec, value, notes)


def table_by_place(value: JsonValue, signature: Signature, notes: list[str]) -> list[Tensor]:
    """Converts rows as lists, in the order of the signature's columns, all of them."""
    specs = signature.inputs
    try:
        rows = _lists(value)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidArgument(
            f"send each row as an object of named values, or as a list of all of them: {columns_text(specs)}"
        ) from None
    for index, row in enumerate(rows):
        if len(row) != len(specs):
            raise InvalidArgument(f"row {index} has {len(row)} values, expected {len(specs)}: {columns_text(specs)}")
    tensors: list[Tensor] = []
    for place, spec in enumerate(specs):
        tensors += _read(spec, joined([row[place] for row in rows]), notes)
    return tensors


def read_split(value: JsonValue) -> tuple[list[str] | None, list[list[JsonValue]]]:
    """Returns names and rows of `dataframe_split`; numbers, by which pandas counts columns, are names, too. None: it
    has none.

    Raises InvalidArgument for what is no such frame, or has rows of other lengths.
    """
    try:
        split = _split(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(f"'dataframe_split' must have 'columns' and 'data', a list of rows: {error}") from None
    if isinstance(value, msgspec.Raw):
        refuse_repeats(value)
    if split.columns is None:
        return None, split.data
    columns = [str(name) for name in split.columns]
    if len(set(columns)) != len(columns):
        raise InvalidArgument("'dataframe_split' names a column twice")
    for index, row in enumerate(split.data):
        if len(row) != len(columns):
            raise InvalidArgument(f"row {index} has {len(row)} values for {len(columns)} columns")
    return columns, split.data


def table_of_csv(names: list[str], cells: list[list[str]], signature: Signature, notes: list[str]) -> list[Tensor]:
    """Converts CSV that `read_csv` parsed. An empty cell is missing."""
    specs = {spec.name: spec for spec in signature.inputs}
    unknown = [name for name in names if name not in specs]
    missing = [name for name in needed_columns(signature.inputs) if name not in names]
    if unknown or missing:
        hint = "; the CSV must be separated by commas" if len(names) == 1 and re.search(r"[;\t|]", names[0]) else ""
        raise InvalidArgument(f"the CSV's first line: {names_differ(signature.inputs, missing, unknown)}{hint}")
    tensors: list[Tensor] = []
    for name, column in zip(names, cells, strict=True):
        if not _unread(specs[name]):
            tensors += column_of_texts(specs[name], column, notes)
    if tensors:
        return tensors
    return [one for name, column in zip(names, cells, strict=True) for one in absent(specs[name], len(column))]


def _read(spec: TensorSpec, value: JsonValue, notes: list[str]) -> list[Tensor]:
    """Converts a column's values; for one that the model does not read, counts them."""
    return absent(spec, len(list_of(value))) if _unread(spec) else column_of(spec, value, notes)


def _unread(spec: TensorSpec) -> bool:
    return spec.column is not None and spec.column.unread


def _plain(values: JsonValue) -> JsonValue:
    """Converts values of a body that the slow parser read, where null stands for itself."""
    if isinstance(values, list):
        return [None if value is NULL else value for value in values]
    return values
