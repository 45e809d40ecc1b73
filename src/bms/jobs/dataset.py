"""A job's input data set: its splits as arrays, frames, columns or batches."""

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets import reader
from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.manifest import Manifest
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.tensor import Array

if TYPE_CHECKING:
    import pandas

_LOG = logging.getLogger("bms.jobs")
_NUMBERS = ("int", "float", "bool")


class Dataset:
    """One version of a data set, readable by split. `split` is "train", "validation" or "test", as far as it has rows
    of it.

    Every method raises NotFound for an unknown split and DataLoss for damaged files; those that give a whole split for
    learning, `arrays`, `frame` and `images`, raise FailedPrecondition where it has no rows.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @cached_property
    def _manifest(self) -> Manifest:
        return reader.read_manifest(self.directory)

    @property
    def label(self) -> str | None:
        """The name of the target column; None where none was named at import."""
        return self._manifest.label

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their numbers; empty for a numeric target."""
        return tuple(self._manifest.labels)

    @property
    def splits(self) -> dict[str, int]:
        """How many rows each split has."""
        return {name: files.rows for name, files in self._manifest.splits.items()}

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each column: int, float, bool, text, datetime, label or image."""
        return {feature.name: feature.kind for feature in self._manifest.schema.features}

    def arrays(self, split: str) -> tuple[Array, Array]:
        """Reads a split as (x, y), as estimators take them.

        `x` is float64 [rows, columns]: the columns of numbers and truth values, in their order, NaN where a value is
        missing; a data set of one such column with a shape gives that array as it is. Integers beyond 2**53 become the
        nearest float64, and a warning in the job's log names their column: `columns` has them as they are. `y` is the
        label: numbers of classes as int64, or the quantity. Raises InvalidArgument where a column is a text, a time or
        an image, or where there is no label.
        """
        if self.label is None:
            raise InvalidArgument("this data set has no label: import it with --label COLUMN, or take its `columns`")
        columns = self._learnt(split)
        label = np.asarray(columns.pop(self.label))
        kinds = {name: self.kinds[name] for name in columns}
        if other := {name: kind for name, kind in kinds.items() if kind not in _NUMBERS}:
            named = ", ".join(f"{name!r} ({kind})" for name, kind in other.items())
            ways = "`images`" if set(other.values()) == {"image"} else "`frame` or `columns`"
            raise InvalidArgument(f"arrays are of numbers, and this data set has {named}: take {ways}")
        arrays = [np.asarray(column) for column in columns.values()]
        if len(arrays) == 1 and arrays[0].ndim > 1:
            return arrays[0], label
        for name, array in zip(columns, arrays, strict=True):
            if kinds[name] == "int":
                _tell_rounded(name, array)
        flat = [_numbers(array) for array in arrays]
        return np.concatenate(flat, axis=1) if flat else np.empty((len(label), 0)), label

    def frame(self, split: str) -> "pandas.DataFrame":
        """Reads a split as a pandas.DataFrame like that which pandas reads from the source, the label as names of
        classes. Needs pandas among the job's requirements."""
        self._check_rows(split)
        return reader.load_frame(self.directory, split)

    def columns(self, split: str) -> dict[str, Column]:
        """Reads a split as arrays by column; texts as lists of `str`, images as lists of `bytes`, the label as class
        numbers."""
        return reader.load_split(self.directory, split)

    def batches(self, split: str, rows: int = 1024) -> Iterator[dict[str, Column]]:
        """Reads `columns`, so many rows at a time, for what does not fit in memory."""
        return reader.iterate_split(self.directory, split, rows)

    def images(
        self, split: str, mode: Literal["L", "RGB"] = "RGB", size: tuple[int, int] | None = None
    ) -> tuple[Array, Array]:
        """Reads a split of images as (x, y): uint8 [rows, height, width, 3], or [rows, height, width] for the mode "L",
        all brought to one `size` (height, width) if that is given; and the label as `arrays` gives it. Needs pillow
        among the job's requirements."""
        columns = self._learnt(split)
        pictures = [name for name, kind in self.kinds.items() if kind == "image"]
        if len(pictures) != 1 or self.label is None:
            raise InvalidArgument(
                f"this data set has {len(pictures)} columns of images and the label {self.label!r}: "
                "`images` is for one and a label; take its `columns`"
            )
        encoded = cast(Sequence[bytes], columns[pictures[0]])
        return reader.decode_images(encoded, mode, size), np.asarray(columns[self.label])

    def _learnt(self, split: str) -> dict[str, Column]:
        self._check_rows(split)
        return self.columns(split)

    def _check_rows(self, split: str) -> None:
        if self.splits.get(split) == 0:
            rows = ", ".join(f"{name} {count}" for name, count in self.splits.items())
            raise FailedPrecondition(
                f"the data set has no rows in its split {split!r} ({rows}): import it with more rows, or with shares "
                "that leave some, like train=0.8,validation=0.2"
            )


def _numbers(array: NDArray[Any]) -> Array:
    """As float64 [rows, values], None as NaN."""
    if array.dtype.kind == "O":
        array = np.array([np.nan if value is None else value for value in array.ravel()]).reshape(array.shape)
    floats: NDArray[np.float64] = array.astype(np.float64).reshape(len(array), -1)
    return floats


def _tell_rounded(name: str, array: NDArray[Any]) -> None:
    """Warns of integers that no float64 is."""
    whole = [value for value in array.ravel().tolist() if type(value) is int]
    if changed := sum(int(float(value)) != value for value in whole):
        _LOG.warning(
            "arrays: %d integers of column %r, which are beyond 2**53, become the nearest float64: take `columns` to "
            "have them exactly",
            changed,
            name,
        )
