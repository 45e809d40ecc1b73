"""Makes rows of numbers from the columns of a table, for boosted trees: categories by the codes of training."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import InvalidArgument
from bms.core.tensors.casting import cast
from bms.core.tensors.columns import Level, mask_name
from bms.core.tensors.signature import TensorSpec
from bms.core.tensors.tensor import NUMPY, Array, DType

_SHOWN = 10


class TableRows:
    """Puts the columns of a table side by side in the order of the features."""

    def __init__(self, columns: tuple[TensorSpec, ...], dtype: DType, *, unseen_is_missing: bool) -> None:
        self._columns = [(spec, _codes(spec)) for spec in columns]
        self._dtype: DType = dtype
        self._unseen_is_missing = unseen_is_missing

    def of(self, inputs: Mapping[str, Array]) -> Array:
        """The rows: [rows, features], NaN where something is missing.

        Raises InvalidArgument, naming column and row (counted from 0), for a value that is no level of its category,
        unless such are missing, and for whole numbers that the booster's type can't hold.
        """
        first = inputs[self._columns[0][0].name]
        made: NDArray[np.floating] = np.empty((len(first), len(self._columns)), dtype=NUMPY[self._dtype])
        for index, (spec, codes) in enumerate(self._columns):
            array, mask = inputs[spec.name], inputs.get(mask_name(spec.name))
            made[:, index] = (
                number_of(spec, array, self._dtype) if codes is None else self._coded(spec, codes, array, mask)
            )
            if mask is not None:
                made[mask, index] = np.nan
        return made

    def _coded(
        self, spec: TensorSpec, codes: Mapping[Level | bytes, int], array: Array, mask: Array | None
    ) -> list[float]:
        values = array.tolist()
        coded = [codes.get(value, np.nan) for value in values]
        if not self._unseen_is_missing:
            for row, code in enumerate(coded):
                missing = values[row] != values[row] or (mask is not None and mask[row])
                if code != code and not missing:
                    raise _unseen(spec, row, values[row])
        return coded


def number_of(spec: TensorSpec, array: Array, dtype: DType) -> Array:
    """Converts a column of numbers to the type that the booster computes in. Raises InvalidArgument where that can't
    hold them."""
    made, rounded = cast(array, dtype, spec.name)
    if rounded:
        raise InvalidArgument(
            f"column {spec.name!r} holds whole numbers of so many digits that {dtype}, in which the model computes, "
            "can't hold them exactly"
        )
    return made


def _codes(spec: TensorSpec) -> dict[Level | bytes, int] | None:
    """The number of each level; None for a column of numbers."""
    if spec.column is None or spec.column.type != "category":
        return None
    levels = spec.column.categories
    return {level.encode() if isinstance(level, str) else level: code for code, level in enumerate(levels)}


def _unseen(spec: TensorSpec, row: int, value: object) -> InvalidArgument:
    levels = spec.column.categories if spec.column is not None else ()
    shown = value.decode(errors="replace")[:80] if isinstance(value, bytes) else value
    more = f" and {len(levels) - _SHOWN} more" if len(levels) > _SHOWN else ""
    return InvalidArgument(
        f"column {spec.name!r}, row {row}: {shown!r} is none of the levels that the model was trained on: "
        f"{', '.join(map(repr, levels[:_SHOWN]))}{more}"
    )
