"""Imports labelled images from folders of PNG, JPEG and WebP files: a folder for each class, perhaps one for each
split."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.files import files_of, left_out
from bms.adapters.datasets.images.layout import layout_of
from bms.adapters.datasets.images.pictures import checked, shape_of
from bms.adapters.datasets.parts import parts_of_rows
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.table import Files, Table, table_of
from bms.adapters.images.decoding import is_image
from bms.core.errors import InvalidArgument

_PICTURES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp",
    ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2",  # which are refused by their names
)  # fmt: skip


def load(source: Path) -> Table:
    """Reads columns `image` and `label`, sorted by class and name. Every image is decoded once to see that it can be;
    splits of the tree are the table's `parts`.

    Raises InvalidArgument, naming the file.
    """
    if not source.is_dir():
        raise InvalidArgument("expected a folder of images, with a folder in it for each class")
    pictures = [path.relative_to(source) for path in files_of(source) if _is_picture(path)]
    images, findings = layout_of(pictures)
    paths = [source / image.path for image in images]
    looks = [checked(path.read_bytes(), str(image.path)) for path, image in zip(paths, images, strict=True)]
    labels, codes = np.unique(np.array([image.label for image in images]), return_inverse=True)
    features = (
        ColumnSchema(name="image", kind="image", shape=shape_of(looks)),
        ColumnSchema(name="label", kind="label", labels=tuple(labels.tolist())),
    )
    columns: dict[str, Column] = {"image": Files(paths), "label": codes.astype(np.int64)}
    table = table_of(TableSchema(features=features), columns, (*findings, *left_out(source, paths)))
    parts = [image.part for image in images]
    by_maker = parts_of_rows(parts) if all(parts) else None
    return replace(table, parts=by_maker, where=lambda row: str(images[row].path))


def _is_picture(path: Path) -> bool:
    """By the ending of its name, or where that has none by its first bytes."""
    if path.suffix:
        return path.suffix.lower() in _PICTURES
    with path.open("rb") as file:
        return is_image(file.read(12))
