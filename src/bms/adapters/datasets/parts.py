"""Detects a source's own splits by the names of its files and folders, and combines them with the requested
fractions."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.datasets.split import SPLITS, check_fractions, shuffled, split_rows
from bms.core.errors import InvalidArgument

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
_WORDS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_WORD = re.compile(r"[a-z]+")
Parts = Mapping[str, NDArray[np.int64]]


def part_of(name: str) -> str | None:
    """The split that a folder of this name holds."""
    return _WORDS.get(name.lower())


def part_of_file(name: str) -> str | None:
    """The split that a file of this name belongs to: `flowers-train.tfrecord-00000-of-00002`, `test.parquet`. None
    where it names none, or several."""
    stem = name.lower().partition(".")[0]
    found = {_WORDS[word] for word in _WORD.findall(stem) if word in _WORDS}
    return found.pop() if len(found) == 1 else None


def parts_of_files(names: Sequence[str], rows: Sequence[int]) -> tuple[Parts | None, tuple[DatasetFinding, ...]]:
    """The splits of a source whose files have so many rows each; none where the files do not name at least two."""
    named = [part_of_file(name) for name in names]
    there = {part for part in named if part is not None}
    if not there:
        return None, ()
    if len(there) == 1 and None not in named:
        message = f"every file is named after the split {there.pop()!r}: its rows are divided anew"
        return None, (DatasetFinding(kind="understood", count=len(names), message=message),)
    if None in named:
        odd = names[named.index(None)]
        message = f"some files are named after splits, {odd} is not: all rows are divided anew"
        return None, (DatasetFinding(kind="understood", count=len(names), message=message),)
    return parts_of_rows(np.repeat(np.array(named), rows).tolist()), ()


def parts_of_rows(named: Sequence[str]) -> Parts:
    """The rows of each split, given each row's split."""
    each = np.array(named)
    return {part: np.flatnonzero(each == part).astype(np.int64) for part in SPLITS if part in set(named)}


def divide(
    rows: int, parts: Parts | None, shares: Mapping[str, float] | None, seed: int, labels: NDArray[np.int64] | None
) -> tuple[dict[str, NDArray[np.int64]], tuple[DatasetFinding, ...]]:
    """Divides rows into splits. Without `parts`, by `shares` or the usual ones. The source's own `parts` are kept;
    `shares` divide the rows that it gives for training.

    Raises InvalidArgument for shares of splits that the source has itself, and where nothing is left to train on.
    """
    if parts is None:
        divided = split_rows(rows, shares or SHARES, seed, labels)
        return divided, tuple(_empty(divided))
    if "train" not in parts:
        raise InvalidArgument(f"the source has the splits {' and '.join(parts)}, but nothing to train on: add it")
    kept = {name: indices[shuffled(len(indices), seed)] for name, indices in parts.items()}
    if shares is not None:
        for name in check_fractions(shares):
            if name != "train" and name in parts:
                raise InvalidArgument(
                    f"the source has a split {name!r} of its own, which is kept: leave it out of the shares, which "
                    "divide the rows of its train"
                )
        train = parts["train"]
        pieces = split_rows(len(train), shares, seed, None if labels is None else labels[train])
        kept |= {name: train[piece] for name, piece in pieces.items()}
    told = ", ".join(f"{name} ({len(indices)} rows)" for name, indices in parts.items())
    message = f"the source has its own splits, which are kept: {told}"
    if "validation" not in kept:
        message += "; for a validation, take a share of its train, like train=0.8,validation=0.2"
    ordered = {name: kept[name] for name in SPLITS if name in kept}
    return ordered, (DatasetFinding(kind="understood", count=len(parts), message=message), *_empty(ordered))


def _empty(splits: Parts) -> list[DatasetFinding]:
    return [
        DatasetFinding(
            kind="empty_split", count=0, message=f"split {name!r} has no rows: there are too few for its share"
        )
        for name, indices in splits.items()
        if not len(indices)
    ]
