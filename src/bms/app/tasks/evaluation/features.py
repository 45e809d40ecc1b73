"""A data set's columns as arrays of the types that models take, with missing values marked."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.manifest import Manifest
from bms.core.errors import FailedPrecondition
from bms.core.tensors.casting import cast
from bms.core.tensors.signature import TensorSpec, shape_text
from bms.core.tensors.tensor import NUMPY, Array

NUMBERS = ("float", "int", "bool")
_SHOWN = 40


class Given(NamedTuple):
    """One column that is not the label. `gaps` [rows] is true where a value is missing; None: nothing is, or as NaN."""

    name: str
    kind: str  # as in the data set's schema
    values: Array
    gaps: NDArray[np.bool_] | None = None

    def kind_text(self) -> str:
        """The column's kind for people."""
        return self.kind + (f" {shape_text((None, *self.values.shape[1:]))}" if self.values.ndim > 1 else "")

    def without_mask(self, dtype: str) -> Array:
        """The values for an input of `dtype` that has no mask: NaN where missing.

        Raises FailedPrecondition, naming the row, where the type has no way to say that.
        """
        if self.gaps is None:
            return self.values
        if NUMPY[dtype].kind != "f":
            row = int(np.flatnonzero(self.gaps)[0])
            raise FailedPrecondition(
                f"column {self.name!r} has no value in row {row}, which {dtype} has no way to say: fill it in the data"
            )
        wide, rounded = cast(self.values, "FP64", self.name)
        if rounded:
            raise FailedPrecondition(
                f"column {self.name!r} holds whole numbers that floating point would round, beside missing values"
            )
        return np.where(self.gaps, np.nan, wide)

    def fitting(self, spec: TensorSpec) -> Array | None:
        """The values in the shape of an input without mask; None where they are of another kind or shape."""
        if not self.fits(spec):
            return None
        return _reshaped(self.without_mask(spec.dtype), spec)

    def fits(self, spec: TensorSpec) -> bool:
        """Whether such an input can be filled with this column alone."""
        return (spec.dtype == "BYTES") == (self.kind not in NUMBERS) and _reshaped(self.values, spec) is not None


def given_columns(manifest: Manifest, columns: Mapping[str, Any]) -> dict[str, Given]:
    """Every column but the label, in the data set's order."""
    return {
        feature.name: _given(feature.name, feature.kind, feature.labels, columns[feature.name])
        for feature in manifest.schema.features
        if feature.name != manifest.label
    }


def only(kind: str, given: Mapping[str, Given]) -> Given | None:
    """The column of a kind that is meant where none is named: the only one, or the one that has the kind's name."""
    found = {name: one for name, one in given.items() if one.kind == kind}
    return found.get(kind) or (next(iter(found.values())) if len(found) == 1 else None)


def kinds_text(given: Mapping[str, Given]) -> str:
    """Columns for people: names and kinds, the first forty of many."""
    shown = [f"{one.name[:80]!r} {one.kind_text()}" for one in list(given.values())[:_SHOWN]]
    return (", ".join(shown) or "none") + (f" and {len(given) - _SHOWN} more" if len(given) > _SHOWN else "")


def _given(name: str, kind: str, labels: tuple[str, ...], column: Any) -> Given:
    if kind == "label":
        return Given(name, "text", _texts([labels[code] for code in np.asarray(column).tolist()]))
    if kind == "image":
        return Given(name, kind, _objects(list(column)))
    if kind in NUMBERS and isinstance(column, np.ndarray) and column.dtype != object:
        return Given(name, kind, column)
    cells = list(column)
    gaps = np.array([cell is None for cell in cells], dtype=np.bool_)
    if kind in NUMBERS:
        dtype = {"float": np.float64, "int": np.int64, "bool": np.bool_}[kind]
        values: Array = np.array([0 if cell is None else cell for cell in cells], dtype=dtype)
    else:
        values = _texts(["" if cell is None else str(cell) for cell in cells])
    return Given(name, kind, values, gaps if gaps.any() else None)


def _reshaped(array: Array, spec: TensorSpec) -> Array | None:
    """The array reshaped to what an input takes: one value a row as [rows, 1], or the other way; an image's values one
    after another."""
    wanted, have = spec.shape[1:], array.shape[1:]
    if len(wanted) == len(have) and all(size in (None, real) for size, real in zip(wanted, have, strict=True)):
        return array
    count = int(np.prod(have))
    if (wanted == () and count == 1) or wanted == (count,) or (wanted == (None,) and not have):
        return array.reshape((len(array), *([count] if wanted else [])))
    return None


def _texts(texts: list[str]) -> Array:
    return _objects([text.encode() for text in texts])


def _objects(items: list[bytes]) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array
