"""Makes rows for boosters that hash their categories: numbers, and beside them texts as they are."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bms.adapters.runtimes.servables.data_frame import texts_of
from bms.adapters.runtimes.trees.rows import number_of
from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import TensorSpec
from bms.core.tensors.tensor import Array, DType


class HashedRows:
    """Puts the columns of a table side by side in the order of the features: numbers in the booster's type, NaN where
    they are missing; categories and texts as Python's own, whole numbers and booleans among them."""

    def __init__(self, columns: tuple[TensorSpec, ...], dtype: DType) -> None:
        self._columns = [(spec, spec.column is None or spec.column.type == "number") for spec in columns]
        self._dtype: DType = dtype

    def of(self, inputs: Mapping[str, Array]) -> Array:
        """The rows: [rows, features] of objects.

        Raises InvalidArgument, naming column and row (counted from 0), for bytes that are not UTF-8, for whole numbers
        that the booster's type can't hold, and for a category or text that is missing, which such boosters refuse.
        """
        first = inputs[self._columns[0][0].name]
        made: NDArray[np.object_] = np.empty((len(first), len(self._columns)), dtype=object)
        for index, (spec, number) in enumerate(self._columns):
            array, mask = inputs[spec.name], inputs.get(mask_name(spec.name))
            if number:
                made[:, index] = number_of(spec, array, self._dtype)
                if mask is not None:
                    made[mask, index] = np.nan
                continue
            if mask is not None and mask.any():
                raise InvalidArgument(
                    f"column {spec.name!r}, row {int(np.flatnonzero(mask)[0])}: there is no value, which the model "
                    "does not take in a category or text: send the text that training had in its place"
                )
            made[:, index] = texts_of(spec.name, array, None) if spec.dtype == "BYTES" else array
        return made
