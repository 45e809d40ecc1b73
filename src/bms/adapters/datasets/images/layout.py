"""Determines what an image tree's folders mean: classes, splits, or wrappers around them. Pure.

Understood are `cat/1.png`; `train/cat/1.png`, `test/cat/1.png`, the splits first; `cat/train/1.png`, the classes first;
and each of them in one folder more.
"""

from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.datasets.parts import part_of
from bms.core.errors import InvalidArgument

_SHOWN = 3
_EXPECTED = "expected a folder for each class with its images inside"


class Placed(NamedTuple):
    """One image's place; `part` is its split, "" where the tree has none."""

    path: PurePath
    label: str
    part: str


class ImageFolderLayout(NamedTuple):
    """The images of a tree: `images` by class and name."""

    images: list[Placed]
    findings: list[DatasetFinding]


def layout_of(files: Sequence[PurePath]) -> ImageFolderLayout:
    """Determines the layout of files at these places below one folder. Files that are in no folder are passed over.

    Raises InvalidArgument where no folder holds any, and where it is unclear whether folders are splits or classes.
    """
    whole = {path: path.parts for path in files if len(path.parts) > 1}
    if not whole:
        raise InvalidArgument(f"{_EXPECTED}; found no folder with files")
    places, wrapping = _unwrapped(whole)
    findings = [_understood(f"all is in folder {name!r}, which is no class and no split") for name in wrapping]
    tops = sorted({parts[0] for parts in places.values()})
    splits = {name: part for name in tops if (part := part_of(name)) is not None}
    if len(splits) == len(tops) > 1:
        _check_classes(places, tops)
        images = [Placed(path, parts[1], splits[parts[0]]) for path, parts in places.items()]
        depth, said = 3, f"the folders {', '.join(tops)} are splits, and those in them classes"
        findings += [_understood(said), *_lacking(images)]
    elif _is_classes_first(places):
        images = [Placed(path, parts[0], part_of(parts[1]) or "") for path, parts in places.items()]
        depth, said = 3, f"the folders {', '.join(tops[:_SHOWN])} are classes, and those in them splits"
        findings += [_understood(said), *_lacking(images)]
    else:
        images = [Placed(path, parts[0], "") for path, parts in places.items()]
        depth = 2
        if splits:
            findings.append(_understood(f"{', '.join(splits)} are read as classes, since {_other(tops)} is no split"))
    deeper = sorted({"/".join(parts[:-1]) for parts in places.values() if len(parts) > depth})
    if deeper:
        shown = ", ".join(deeper[:_SHOWN]) + (", …" if len(deeper) > _SHOWN else "")
        findings.append(_understood(f"what is in folders of a class is of that class: {shown}"))
    return ImageFolderLayout(sorted(images, key=lambda image: (image.label, image.path.parts)), findings)


def _unwrapped(places: dict[PurePath, tuple[str, ...]]) -> tuple[dict[PurePath, tuple[str, ...]], list[str]]:
    """The places without the folders that hold everything, and those folders: archives often wrap all in one more."""
    taken = []
    while len({parts[0] for parts in places.values()}) == 1 and all(len(parts) > 2 for parts in places.values()):
        taken.append(next(iter(places.values()))[0])
        places = {path: parts[1:] for path, parts in places.items()}
    return places, taken


def _check_classes(places: dict[PurePath, tuple[str, ...]], tops: Sequence[str]) -> None:
    """Raises InvalidArgument unless every image of a split is in the folder of a class."""
    loose = [path for path, parts in places.items() if len(parts) < 3]
    if not loose:
        return
    if len(loose) == len(places):
        raise InvalidArgument(
            f"the folders {', '.join(tops)} are named as splits and hold images, but no folders of classes: "
            f"{_EXPECTED}, as in train/cat and test/cat, or rename them if they are the classes"
        )
    raise InvalidArgument(f"{loose[0]} is in a split's folder and in no class's: move it into that of its class")


def _is_classes_first(places: dict[PurePath, tuple[str, ...]]) -> bool:
    inner = {parts[1] if len(parts) > 2 else "" for parts in places.values()}
    return len(inner) > 1 and all(part_of(name) is not None for name in inner)


def _lacking(images: Sequence[Placed]) -> list[DatasetFinding]:
    """The classes of which a split has no image."""
    there = {(image.label, image.part) for image in images}
    labels, parts = sorted({label for label, _ in there}), sorted({part for _, part in there})
    gone = [(label, part) for label in labels for part in parts if (label, part) not in there]
    return [
        DatasetFinding(kind="imbalance", feature="label", count=1, message=f"class {label!r} has no image in {part}")
        for label, part in gone[:_SHOWN]
    ]


def _other(tops: Sequence[str]) -> str:
    return repr(next(name for name in tops if part_of(name) is None))


def _understood(message: str) -> DatasetFinding:
    return DatasetFinding(kind="understood", count=1, message=message)
