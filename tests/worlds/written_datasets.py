"""Small data sets as jobs find them, written without importing anything."""

from pathlib import Path
from typing import Any

import numpy as np

from bms.adapters.datasets.manifest import Manifest, write_manifest
from bms.adapters.datasets.schema import ColumnSchema, Kind, TableSchema
from bms.adapters.datasets.table import table_of
from bms.adapters.datasets.tfrecord.writer import write_split

KINDS: dict[str, Kind] = {"f": "float", "i": "int", "b": "bool", "O": "int"}


def write_dataset(
    directory: Path,
    columns: dict[str, Any],
    *,
    label: Any = None,
    classes: tuple[str, ...] = (),
    images: tuple[str, ...] = (),
) -> None:
    """One split, "train". Lists of `str` are texts, those named in `images` encoded pictures, arrays of objects are
    integers with gaps; `label` is the column "y": numbers of `classes`, or a quantity."""
    directory.mkdir(exist_ok=True)
    features = [_feature(name, values, name in images) for name, values in columns.items()]
    if label is not None:
        features.append(
            ColumnSchema(name="y", kind="label", labels=classes) if classes else _feature("y", label, False)
        )
    given = columns if label is None else {**columns, "y": label}
    table = table_of(TableSchema(features=tuple(features)), given)
    files = write_split(directory, "train", table, np.arange(table.rows), 100)
    named = None if label is None else "y"
    write_manifest(directory, Manifest(schema=table.schema, splits={"train": files}, label=named, labels=classes))


def _feature(name: str, values: Any, image: bool) -> ColumnSchema:
    if image:
        return ColumnSchema(name=name, kind="image")
    if not isinstance(values, np.ndarray):
        return ColumnSchema(name=name, kind="text")
    return ColumnSchema(
        name=name, kind=KINDS[values.dtype.kind], shape=values.shape[1:], optional=values.dtype == object
    )
