"""The label column of a data set, which a model is to predict: classes by their names, or quantities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.manifest import Manifest
from bms.core.errors import FailedPrecondition
from bms.core.tensors.class_names import names_text, number_of


@dataclass(frozen=True)
class TrueClasses:
    """The true classes. `codes` [rows] are places in `names`, which are all different; `classes`: the data set calls
    them classes."""

    column: str
    names: tuple[str, ...]
    codes: NDArray[np.int64]
    classes: bool

    @property
    def used(self) -> tuple[int, ...]:
        """The codes that some row has."""
        return tuple(np.unique(self.codes).tolist())

    def numbers(self) -> NDArray[np.float64]:
        """The numbers that the names say. Raises FailedPrecondition where one is no number."""
        values = [number_of(name) for name in self.names]
        words = [self.names[code] for code in self.used if values[code] is None]
        if words:
            raise FailedPrecondition(
                f"the model predicts numbers, and the data set's label {self.column!r} has classes that are not: "
                f"{names_text(words)}"
            )
        return np.array([np.nan if value is None else float(value) for value in values])[self.codes]


def target_of(manifest: Manifest, column: Any) -> TrueClasses:
    """Reads the label's column. Raises FailedPrecondition naming the first row that has none."""
    assert manifest.label is not None
    feature = manifest.schema.feature(manifest.label)
    if feature.kind == "label":
        return TrueClasses(feature.name, feature.labels, np.asarray(column, dtype=np.int64), True)
    if feature.kind == "image" or feature.shape:
        raise FailedPrecondition(
            f"the data set's label {feature.name!r} is {feature.kind} {list(feature.shape)}: expected one value a row"
        )
    cells = column.tolist() if isinstance(column, np.ndarray) else list(column)
    for row, cell in enumerate(cells):
        if cell is None or cell != cell:
            raise FailedPrecondition(f"row {row} has no label (column {feature.name!r}): fill it or remove the row")
    values = sorted(set(cells))
    index = {value: code for code, value in enumerate(values)}
    codes = np.array([index[cell] for cell in cells], dtype=np.int64)
    # Integers of more than a hundred values, and floats, are quantities.
    return TrueClasses(feature.name, tuple(str(value) for value in values), codes, feature.kind not in ("float", "int"))
