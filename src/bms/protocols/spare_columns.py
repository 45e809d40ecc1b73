"""Leaves out columns of a request that its model does not have, by MLflow's paths, as MLflow's server does.

Source: `_enforce_schema` of mlflow/models/utils.py.
"""

from collections.abc import Mapping
from typing import TypeVar

from bms.core.tensors.columns import mask_name
from bms.core.tensors.fitting import needed_columns
from bms.core.tensors.signature import Signature, is_table

V = TypeVar("V")
_SHOWN = 10


def without_spare(given: Mapping[str, V], signature: Signature, notes: list[str]) -> Mapping[str, V]:
    """Returns those of `given`, values by name, that the signature has; what is left out is recorded in `notes`. All of
    them where another column is missing, which may be meant by an unknown name: the reader refuses it, or takes columns
    by place."""
    kept = _kept(given, signature)
    if len(kept) == len(given) or not kept or any(name not in kept for name in _needed(signature)):
        return given
    spare = [name for name in given if name not in kept]
    shown = ", ".join(repr(name[:80]) for name in spare[:_SHOWN])
    more = f" and {len(spare) - _SHOWN} more" if len(spare) > _SHOWN else ""
    notes.append(f"this model has no column {shown}{more}: not read")
    return kept


def rows_without_spare(rows: list[dict[str, V]], signature: Signature, notes: list[str]) -> list[dict[str, V]]:
    """As `without_spare`, for rows by name; one note for all of them."""
    together = {name: None for row in rows for name in row}
    if without_spare(together, signature, notes) is together:
        return rows
    return [_kept(row, signature) for row in rows]


def is_placed(signature: Signature) -> bool:
    """Whether columns without lists in them are taken by place, whatever their names: of a model of one input that has
    several values a row."""
    if len(signature.inputs) != 1 or is_table(signature):
        return False
    return signature.inputs[0].shape[1:] not in ((), (1,))


def _needed(signature: Signature) -> list[str]:
    if is_table(signature):
        return needed_columns(signature.inputs)
    return [spec.name for spec in signature.inputs if not spec.optional]


def _kept(given: Mapping[str, V], signature: Signature) -> dict[str, V]:
    names = {spec.name for spec in signature.inputs}
    known = names | {mask_name(name) for name in names}
    return {name: value for name, value in given.items() if name in known}
