"""Joins the columns of a data set with the inputs of a model: by name, or not at all.

By place only where a model takes one matrix of numbers and names none of its columns.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bms.app.tasks.evaluation.features import NUMBERS, Given, kinds_text, only
from bms.core.errors import FailedPrecondition
from bms.core.tensors.casting import cast, rounded_note
from bms.core.tensors.columns import ColumnType, mask_name
from bms.core.tensors.fitting import columns_text
from bms.core.tensors.preprocessing import IMAGE, TEXT
from bms.core.tensors.signature import Signature, TensorSpec, is_table, shape_text
from bms.core.tensors.tensor import Tensor

_TAKES: dict[ColumnType, tuple[str, ...]] = {
    "number": NUMBERS,
    "integer": NUMBERS,
    "boolean": NUMBERS,
    "text": ("text", "datetime"),
    "datetime": ("datetime", "text"),
}
_SHOWN, _NOTED = 10, 5  # names in an error, and where all went well


class JoinedColumns(NamedTuple):
    """Inputs by name, not cast yet; `notes` tell people what was joined with what."""

    tensors: list[Tensor]
    notes: tuple[str, ...]


def joined(signature: Signature, given: Mapping[str, Given], label: str | None) -> JoinedColumns:
    """The columns that the signature takes as inputs; others are left out, with a note where the signature names its
    columns.

    Raises FailedPrecondition, listing both sides, where a column is missing or of another type, or where nothing says
    which column is which input.
    """
    specs = signature.inputs
    if is_table(signature):
        return _table(specs, given, label)
    if len(specs) > 1 or (specs[0].name in given and given[specs[0].name].fits(specs[0])):
        return _named(specs, given, label)
    return _content(specs[0], given) if specs[0].dtype == "BYTES" else _matrix(specs[0], given)


def _table(specs: Sequence[TensorSpec], given: Mapping[str, Given], label: str | None) -> JoinedColumns:
    needed = [spec.name for spec in specs if spec.column is not None and not spec.column.optional]
    _check_missing(needed or [spec.name for spec in specs[:1]], specs, given, label)
    tensors = []
    for spec in specs:
        one = given.get(spec.name)
        if one is None:
            continue  # optional: who fits the inputs to the signature says that all of it is missing
        _check_type(spec, one)
        tensors.append(Tensor(spec.name, one.values))
        if one.gaps is not None:
            tensors.append(Tensor(mask_name(spec.name), one.gaps))
    absent = [spec.name for spec in specs if spec.name not in given]
    return JoinedColumns(tensors, (*_by_name(specs, given), *_left_out("columns without values", absent)))


def _check_type(spec: TensorSpec, one: Given) -> None:
    assert spec.column is not None
    if spec.column.type == "category":
        takes = _TAKES["text"] if spec.dtype == "BYTES" else NUMBERS
    else:
        takes = _TAKES[spec.column.type]
    if one.kind not in takes or one.values.ndim != 1:
        raise FailedPrecondition(
            f"column {spec.name!r} is {one.kind_text()} in the data set, and the model takes {spec.column.type} there "
            f"({spec.dtype}): import it as that, or train the model on it as it is"
        )


def _named(specs: Sequence[TensorSpec], given: Mapping[str, Given], label: str | None) -> JoinedColumns:
    _check_missing([spec.name for spec in specs], specs, given, label)
    tensors = []
    for spec in specs:
        array = given[spec.name].fitting(spec)
        if array is None:
            raise FailedPrecondition(
                f"column {spec.name!r} is {given[spec.name].kind_text()} in the data set, and "
                f"the model takes {_kind_text(spec)}"
            )
        tensors.append(Tensor(spec.name, array))
    return JoinedColumns(tensors, _by_name(specs, given))


def _content(spec: TensorSpec, given: Mapping[str, Given]) -> JoinedColumns:
    """The one column that an input of texts, or of encoded images, can mean."""
    found = only(IMAGE if spec.name == IMAGE else TEXT, given)
    array = None if found is None else found.fitting(spec)
    if found is None or array is None:
        raise FailedPrecondition(
            f"the model takes {_kind_text(spec)}: the data set has no column of that name, nor just one that fits: "
            f"{kinds_text(given)}"
        )
    note = f"input {spec.name!r} is column {found.name!r}"
    return JoinedColumns([Tensor(spec.name, array)], (note, *_unused([spec], given, but=found.name)))


def _matrix(spec: TensorSpec, given: Mapping[str, Given]) -> JoinedColumns:
    """The matrix of all columns side by side, in the data set's order."""
    if not given or any(one.kind not in NUMBERS for one in given.values()):
        raise FailedPrecondition(
            f"the model takes {_kind_text(spec)}, and the data set's columns are not all numbers: {kinds_text(given)}"
        )
    names = list(given)
    alone = given[names[0]].fitting(spec) if len(given) == 1 else None
    if alone is not None:
        return JoinedColumns([Tensor(spec.name, alone)], (f"input {spec.name!r} is column {names[0]!r}, the only one",))
    width = sum(int(np.prod(one.values.shape[1:])) for one in given.values())
    if len(spec.shape) != 2 or spec.shape[1] not in (None, width):
        raise FailedPrecondition(
            f"the model takes {_kind_text(spec)}, and the data set's columns are {width} wide side by side: "
            f"{kinds_text(given)}. The model does not name its columns, so that none can be chosen for it: make a data "
            "set of just those that it was trained on, in its order"
        )
    parts, notes = [], []
    for one in given.values():
        part, rounded = cast(one.without_mask(spec.dtype), spec.dtype, one.name)
        parts.append(part.reshape(len(part), -1))
        notes += [rounded_note(one.name, one.kind, spec.dtype)] if rounded else []
    note = f"input {spec.name!r} is, by place, the columns {_few(names, _NOTED)}: the model names none"
    return JoinedColumns([Tensor(spec.name, np.concatenate(parts, axis=1))], (note, *notes))


def _check_missing(
    needed: Sequence[str], specs: Sequence[TensorSpec], given: Mapping[str, Given], label: str | None
) -> None:
    missing = [name for name in needed if name not in given]
    if missing:
        taken = f"; {label!r} is its label, which is to be predicted" if label in missing else ""
        raise FailedPrecondition(
            f"the data set lacks {_few(missing)}: the model takes {columns_text(tuple(specs))}, the data set has "
            f"{kinds_text(given)}{taken}"
        )


def _by_name(specs: Sequence[TensorSpec], given: Mapping[str, Given]) -> tuple[str, ...]:
    names = [spec.name for spec in specs if spec.name in given]
    return (f"columns by name: {_few(names, _NOTED)}", *_unused(specs, given))


def _unused(specs: Sequence[TensorSpec], given: Mapping[str, Given], but: str | None = None) -> tuple[str, ...]:
    taken = {but, *(spec.name for spec in specs)}
    return _left_out("columns that the model does not take", [name for name in given if name not in taken])


def _left_out(what: str, names: list[str]) -> tuple[str, ...]:
    return (f"{what}: {_few(names, _NOTED)}",) if names else ()


def _kind_text(spec: TensorSpec) -> str:
    return f"{spec.name!r} {spec.dtype} {shape_text(spec.shape)}"


def _few(names: Sequence[str], most: int = _SHOWN) -> str:
    shown = ", ".join(repr(name[:80]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
