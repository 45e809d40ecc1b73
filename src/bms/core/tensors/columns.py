"""Columns of tables: what a model that takes tables declares of each.

A signature is a table when its inputs have columns; then every input is one column, a tensor of one value a row. What
is missing is NaN in a column of floating-point numbers; beside any other stands, where something is missing, a BOOL
tensor of the column's `mask_name` that is true there, as validity bitmaps do in Arrow.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from bms.core.tensors.tensor import Array, DType

ColumnType = Literal["number", "integer", "text", "boolean", "category", "datetime", "json"]
Level = str | int | float | bool
TYPES: tuple[ColumnType, ...] = ("number", "integer", "text", "boolean", "category", "datetime", "json")
_DTYPES: dict[ColumnType, DType] = {
    "number": "FP64",
    "integer": "INT64",
    "text": "BYTES",
    "boolean": "BOOL",
    "datetime": "BYTES",
    "json": "BYTES",
}
_MISSING = ":missing"


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One column of a table: what its values are.

    An `optional` column may be left out of a request, which is as if all its values were missing. Of an `unread` one no
    step of the model looks at the values: whatever is sent there, the model gets none. A `nameless` one is alone, and
    rows that carry no names are its values. `categories` are the levels that training saw, in its order; a value that
    is none of them is for the model to take or to refuse. Texts are UTF-8, date-times ISO 8601. A value of type `json`
    is any that JSON can write, as its text.
    """

    type: ColumnType
    optional: bool = False
    unread: bool = False
    nameless: bool = False
    categories: tuple[Level, ...] = ()


def dtype_of_column(column: Column) -> DType:
    """Returns the default data type of a column's tensor; a category's is that of its levels, else texts."""
    if column.type != "category":
        return _DTYPES[column.type]
    kinds = {type(level) for level in column.categories}
    if kinds == {bool}:
        return "BOOL"
    if kinds and kinds <= {int, float}:
        return "FP64" if float in kinds else "INT64"
    return "BYTES"


def fits_column(column: Column, dtype: str) -> bool:
    """Whether a tensor of `dtype` can carry the values of such a column."""
    if column.type == "number":
        return dtype in ("FP16", "FP32", "FP64")
    if column.type == "integer":
        return dtype.startswith(("INT", "UINT"))
    return dtype == dtype_of_column(column)


def mask_name(name: str) -> str:
    """Returns the name of the tensor that is true where column `name` has no value."""
    return name + _MISSING


def with_masks(answers: Sequence[dict[str, Array]]) -> list[dict[str, Array]]:
    """Completes answers that are to be put together: a mask that one of them has, all have."""
    masks = {name: None for one in answers for name in one if name.endswith(_MISSING)}
    if not masks:
        return list(answers)
    return [
        one
        | {
            mask: np.zeros(one[name].shape, dtype=np.bool_)
            for mask in masks
            if mask not in one and (name := mask.removesuffix(_MISSING)) in one
        }
        for one in answers
    ]


def without_masks_of_nothing(outputs: Mapping[str, Array]) -> dict[str, Array]:
    """Leaves out the masks that are true nowhere, of outputs cut from a run of which other rows lack values."""
    return {
        name: array
        for name, array in outputs.items()
        if not name.endswith(_MISSING) or name.removesuffix(_MISSING) not in outputs or array.any()
    }
