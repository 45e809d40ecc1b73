"""Findings: observations and warnings about a source as it was read, or about the table it became."""

from typing import Literal

import msgspec


class DatasetFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. `count` is of rows, values, cells, files or classes, as `message` says; `feature` None means the
    whole row or source.

    understood: how an ambiguous source was read. as_text: cells that look like numbers or like missing ones, and were
    kept as the texts they are. left_out: files or parts of them that are not in the table. unfound: something declared
    about the source that is nowhere in it. changed: what an image loses when it is decoded, and numbers their last
    digits. empty_split: a split without rows.
    """

    kind: Literal[
        "understood", "as_text", "left_out", "unfound", "changed", "empty_split", "duplicates", "leak", "contradiction",
        "constant", "missing", "imbalance", "infinite", "outliers", "formula", "identifier",
    ]  # fmt: skip
    message: str
    count: int
    feature: str | None = None


def rounded(feature: str, count: int, first: str) -> DatasetFinding:
    """A finding about rounded numbers, of which `first` describes the first and its place."""
    numbers = f"{count} numbers have" if count > 1 else "one number has"
    message = f"{numbers} more digits than a float64, which is the nearest: {first}; to keep them all, keep it as text"
    return DatasetFinding(kind="changed", feature=feature, count=count, message=message)
