"""Labelled images from folders: each class a sub-folder, named after it, of PNG and JPEG files."""

from pathlib import Path

import numpy as np

from bms.adapters.datasets.files import is_litter
from bms.adapters.datasets.images import decode_images, look
from bms.adapters.datasets.schema import Feature, Schema
from bms.adapters.datasets.table import Files, Table, table_of
from bms.core.errors import BmsError, InvalidArgument


def load(source: Path) -> Table:
    """Columns `image` and `label`, sorted by class and name. Every image is decoded once to see that it can be.

    Raises InvalidArgument, naming the file.
    """
    root = _root(source)
    paths: list[Path] = []
    labels: list[int] = []
    classes = _folders(root)
    if not classes:
        raise InvalidArgument("expected a folder for each class with its images inside; found no folder")
    for number, folder in enumerate(classes):
        found = sorted(p for p in folder.rglob("*") if p.is_file() and not is_litter(p.relative_to(root)))
        if not found:
            raise InvalidArgument(f"the folder of class {folder.name!r} holds no images")
        paths.extend(found)
        labels.extend([number] * len(found))
    features = (
        Feature(name="image", kind="image", shape=_checked(root, paths)),
        Feature(name="label", kind="label", labels=tuple(folder.name for folder in classes)),
    )
    return table_of(Schema(features=features), {"image": Files(paths), "label": np.array(labels, np.int64)})


def _root(source: Path) -> Path:
    """The folder that holds the classes: archives often wrap them in one more."""
    if not source.is_dir():
        raise InvalidArgument("expected a folder of images, or an archive of one")
    folders = _folders(source)
    while len(folders) == 1 and not _files(folders[0]) and _folders(folders[0]):
        source = folders[0]
        folders = _folders(source)
    return source


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_litter(Path(path.name)))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file() and not is_litter(Path(path.name))]


def _checked(root: Path, paths: list[Path]) -> tuple[int, ...]:
    shapes = set()
    for path in paths:
        data = path.read_bytes()
        try:
            shapes.add(tuple(look(data)[1:]))
            decode_images([data], "RGB")
        except BmsError as error:
            raise InvalidArgument(f"{path.relative_to(root)}: {error.message}") from error
    return shapes.pop() if len(shapes) == 1 else ()
