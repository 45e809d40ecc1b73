"""Fits a client's tensors to a signature: casts numbers, and completes the columns of a table."""

from typing import NamedTuple

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.casting import cast, rounded_note
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import Signature, TensorSpec, check_inputs, check_mask, is_table, usual_rows
from bms.core.tensors.tensor import NUMPY, Array, Tensor


class FittedInputs(NamedTuple):
    """Inputs that fit a signature, their number of rows, and notes for the sender on how they were made."""

    tensors: list[Tensor]
    rows: int
    notes: tuple[str, ...] = ()


def fit_inputs(signature: Signature, tensors: list[Tensor]) -> FittedInputs:
    """Returns `tensors` in the types that the signature declares, and, of a table, with all its columns.

    Numbers are cast as `cast` does; what was rounded is in the notes. One value a row may come as [rows] or [rows, 1];
    an optional column that did not come has no values, an optional input stays away. Raises InvalidArgument as
    `check_inputs` does.
    """
    specs = signature.inputs
    if rows := usual_rows(signature, tensors):
        return FittedInputs(tensors, rows)
    if is_table(signature):
        return _table(signature, tensors)
    _refuse_masks(signature, tensors)
    notes: tuple[str, ...] = ()
    if len(specs) == len(tensors) or (len(specs) > len(tensors) and any(spec.optional for spec in specs)):
        made = tensors
        for index, tensor in enumerate(tensors):
            spec = specs[index] if specs[index].name == tensor.name else _named(specs, tensor.name)
            if spec is None:
                continue
            array = one_column(tensor.array, spec)
            if array is not tensor.array or array.dtype != NUMPY[spec.dtype]:
                if made is tensors:
                    made = list(tensors)
                made[index], notes = _cast(Tensor(tensor.name, array), spec, notes)
        tensors = made
    return FittedInputs(tensors, check_inputs(signature, tensors), notes)


def one_column(array: Array, spec: TensorSpec) -> Array:
    """Returns [rows, 1] as [rows], and the other way round, where the signature has that; all else as it is."""
    if len(spec.shape) == 1 and array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if len(spec.shape) == 2 and spec.shape[1] == 1 and array.ndim == 1:
        return array[:, None]
    return array


def _cast(tensor: Tensor, spec: TensorSpec, notes: tuple[str, ...]) -> tuple[Tensor, tuple[str, ...]]:
    array, rounded = cast(tensor.array, spec.dtype, spec.name)
    if rounded:
        notes = (*notes, rounded_note(spec.name, tensor.dtype, spec.dtype))
    return Tensor(spec.name, array), notes


def _refuse_masks(signature: Signature, tensors: list[Tensor]) -> None:
    masks = {mask_name(spec.name): spec for spec in signature.inputs}
    for tensor in tensors:
        if tensor.name in masks and _named(signature.inputs, tensor.name) is None:
            spec = masks[tensor.name]
            raise InvalidArgument(f"input {spec.name!r} has a missing value, which {spec.dtype} can't express")


def _named(specs: tuple[TensorSpec, ...], name: str) -> TensorSpec | None:
    return next((spec for spec in specs if spec.name == name), None)


def _table(signature: Signature, tensors: list[Tensor]) -> FittedInputs:
    given = {tensor.name: tensor for tensor in tensors}
    if len(given) != len(tensors):
        raise InvalidArgument("an input is given twice")
    specs = signature.inputs
    _check_names(specs, given)
    first = next((given[spec.name].array for spec in specs if spec.name in given), None)
    if first is None:
        raise InvalidArgument(f"the request has no column: this model takes {columns_text(specs)}")
    rows = len(first) if first.ndim else 0
    made: list[Tensor] = []
    notes: tuple[str, ...] = ()
    for spec in specs:
        tensor = given.get(spec.name)
        if tensor is None or (spec.column is not None and spec.column.unread):
            made += absent(spec, rows)
            continue
        if tensor.array.shape == (rows, 1):
            tensor = Tensor(tensor.name, tensor.array[:, 0])
        _check_values(spec, tensor)
        mask = given.get(mask_name(spec.name))
        if mask is not None:
            check_mask(spec, mask, rows)
        tensor, mask = _mark_missing(spec, tensor, mask)
        if tensor.array.dtype != NUMPY[spec.dtype]:
            tensor, notes = _cast(tensor, spec, notes)
        made.append(tensor)
        if mask is not None and mask.array.any():
            made.append(mask)
    return FittedInputs(made, check_inputs(signature, made), notes)


def _check_values(spec: TensorSpec, tensor: Tensor) -> None:
    """Raises InvalidArgument where the values are no list, or are texts where the column has none, or the reverse."""
    array = tensor.array
    if array.ndim == 0:
        raise InvalidArgument(f"column {spec.name!r} is one value: send a list of them, one for each row")
    texts = tensor.dtype == "BYTES"
    if texts != (spec.dtype == "BYTES") and array.size:
        first = array.ravel()[0]
        shown = repr(first.decode(errors="replace") if isinstance(first, bytes) else first.item())[:80]
        given = "texts" if texts else f"{tensor.dtype} numbers"
        raise InvalidArgument(
            f"column {spec.name!r} is {column_text(spec)} ({spec.dtype}), and {given} were sent; the first is {shown}"
        )


def _check_names(specs: tuple[TensorSpec, ...], given: dict[str, Tensor]) -> None:
    """Raises InvalidArgument, listing both sides, where a column is missing or unknown."""
    names = {spec.name for spec in specs}
    masks = {mask_name(name) for name in names}
    unknown = [name for name in given if name not in names and name not in masks]
    missing = [name for name in needed_columns(specs) if name not in given]
    if unknown or missing:
        raise InvalidArgument(names_differ(specs, missing, unknown))


def needed_columns(specs: tuple[TensorSpec, ...]) -> list[str]:
    """Returns the names of the columns that may not be left out."""
    return [spec.name for spec in specs if spec.column is None or not spec.column.optional]


def names_differ(specs: tuple[TensorSpec, ...], missing: list[str], unknown: list[str]) -> str:
    """Returns the error text for columns that are not those of the model."""
    faults = [f"{_few(names)} {word}" for names, word in ((missing, "missing"), (unknown, "unknown")) if names]
    return f"{'; '.join(faults)}: this model takes {columns_text(specs)}"


def _few(names: list[str]) -> str:
    shown = ", ".join(repr(name[:80]) for name in names[:10])
    if len(names) == 1:
        return f"column {shown} is"
    return f"columns {shown}" + (f" and {len(names) - 10} more are" if len(names) > 10 else " are")


def columns_text(specs: tuple[TensorSpec, ...]) -> str:
    """Formats columns for people: names and types, `?` behind those that may be left out."""
    shown = [f"{spec.name!r} {column_text(spec)}" for spec in specs[:40]]
    return ", ".join(shown) + (f" and {len(specs) - 40} more" if len(specs) > 40 else "")


def column_text(spec: TensorSpec) -> str:
    """Formats a column's type for people, e.g. `number`, `text?`."""
    if spec.column is None:
        return spec.dtype
    return spec.column.type + ("?" if spec.column.optional else "")


def absent(spec: TensorSpec, rows: int) -> list[Tensor]:
    """Returns a column without values, as it is handed to a model."""
    kind = NUMPY[spec.dtype]
    if kind.kind == "f":
        return [Tensor(spec.name, np.full(rows, np.nan, dtype=kind))]
    filler = np.full(rows, b"" if spec.dtype == "BYTES" else 0, dtype=kind)
    return [Tensor(spec.name, filler), Tensor(mask_name(spec.name), np.ones(rows, dtype=np.bool_))]


def _mark_missing(spec: TensorSpec, tensor: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Marks missing values in the form that the column has: NaN in floating-point numbers, a mask beside all others."""
    array, kind = tensor.array, NUMPY[spec.dtype]
    if array.dtype.kind == "f" and kind.kind in "biu":
        gaps = np.isnan(array) if mask is None else np.isnan(array) | mask.array
        if gaps.any():
            return Tensor(spec.name, np.where(gaps, 0, array)), Tensor(mask_name(spec.name), gaps)
    elif kind.kind == "f" and mask is not None:
        if array.dtype.kind in "biu":
            array, rounded = cast(array, spec.dtype, spec.name)
            if rounded:
                raise InvalidArgument(
                    f"column {spec.name!r} holds a whole number that {spec.dtype} cannot hold exactly"
                )
        if array.dtype.kind == "f":
            return Tensor(spec.name, np.where(mask.array, np.nan, array).astype(array.dtype)), None
    return tensor, mask
