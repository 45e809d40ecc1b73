"""Converts frames and CSV to tensors, for models whose inputs are not columns of a table.

Where all columns have names of inputs, each is that input: one value a row, or one list. Else a model of one input, to
which columns have no names, takes them side by side, in the order in which they came. Source: `_enforce_tensor_schema`
of mlflow/models/utils.py, which takes by place for unnamed tensors alone; every input here has a name, and one that a
model's format does not know was made up.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.fitting import one_column
from bms.core.tensors.signature import Signature, TensorSpec, shape_text
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.json.columns import column_of_texts
from bms.protocols.json.tensors import array_of
from bms.protocols.json.values import JsonValue, first_character, first_element, joined

_SHOWN = 10


def tensors_of_frame(columns: Mapping[str, list[JsonValue]], signature: Signature, notes: list[str]) -> list[Tensor]:
    """Converts the values of each column. Raises InvalidArgument for names that say no input, and for values that fit
    none."""
    if _are_inputs(columns, signature):
        return [Tensor(name, values_of_rows(signature.input(name), rows, notes)) for name, rows in columns.items()]
    spec = _only_input(columns, signature)
    if len(columns) == 1:
        (rows,) = columns.values()
        return [Tensor(spec.name, values_of_rows(spec, rows, notes))]
    whole = joined([joined(list(row)) for row in zip(*columns.values(), strict=True)])
    return [Tensor(spec.name, array_of(whole, spec.dtype, max(2, len(spec.shape)), "the frame", notes))]


def tensors_of_csv(
    names: Sequence[str], cells: Sequence[Sequence[str]], signature: Signature, notes: list[str]
) -> list[Tensor]:
    """Converts CSV, whose cells are one value each: inputs are [rows] or [rows, columns]."""
    columns = dict(zip(names, cells, strict=True))
    if _are_inputs(columns, signature):
        specs = {name: signature.input(name) for name in names}
        return [Tensor(name, _side_by_side(specs[name], {name: columns[name]}, notes)) for name in names]
    spec = _only_input(columns, signature)
    if spec.features is not None:
        raise InvalidArgument("CSV is not for models that parse serialized examples: send their features as JSON")
    return [Tensor(spec.name, _side_by_side(spec, columns, notes))]


def values_of_rows(spec: TensorSpec, values: list[JsonValue], notes: list[str]) -> Array:
    """Converts an input from its value in each row: one value, a list of all its values in a row, or nested as the
    input is.

    Raises InvalidArgument for a list of another length.
    """
    what, rank, inner = spec.name, len(spec.shape), spec.shape[1:]
    if first_character(values[0]) != "[":
        column = array_of(joined(values), spec.dtype, 1, what, notes)
        return column.reshape((len(values), *(1 for _ in inner)))
    nested = joined(values)
    if rank > 2 and first_element(values[0]) == "[":
        return array_of(nested, spec.dtype, rank, what, notes)
    flat = array_of(nested, spec.dtype, 2, what, notes)
    if rank <= 2:
        return flat
    known = tuple(size for size in inner if size is not None)
    if len(known) != len(inner) or flat.shape[1] != int(np.prod(known, dtype=np.int64)):
        raise InvalidArgument(f"{what!r} has {flat.shape[1]} values, expected shape {shape_text(inner)}")
    return flat.reshape((len(values), *known))


def _are_inputs(columns: Mapping[str, object], signature: Signature) -> bool:
    return columns.keys() <= {spec.name for spec in signature.inputs}


def _only_input(columns: Mapping[str, object], signature: Signature) -> TensorSpec:
    if len(signature.inputs) == 1:
        return signature.inputs[0]
    takes = ", ".join(repr(spec.name) for spec in signature.inputs)
    raise InvalidArgument(
        f"the columns are {_few(columns)}, and this model takes {takes}: name each as the input it is"
    )


def _few(columns: Mapping[str, object]) -> str:
    shown = ", ".join(repr(name[:80]) for name in list(columns)[:_SHOWN])
    return shown if len(columns) <= _SHOWN else f"{shown} and {len(columns) - _SHOWN} more"


def _side_by_side(spec: TensorSpec, columns: Mapping[str, Sequence[str]], notes: list[str]) -> Array:
    """Joins columns to [rows, columns] in the type of the input; one column to [rows], where the input has that."""
    return one_column(np.stack([_cells(spec, name, texts, notes) for name, texts in columns.items()], axis=1), spec)


def _cells(spec: TensorSpec, name: str, texts: Sequence[str], notes: list[str]) -> Array:
    column = TensorSpec(name=name, dtype=spec.dtype, shape=(None,))
    values, *gaps = column_of_texts(column, texts, notes)
    if gaps:
        row = int(np.argmax(gaps[0].array))
        raise InvalidArgument(f"column {name!r}, row {row} is empty, which {spec.dtype} can't express")
    return values.array
