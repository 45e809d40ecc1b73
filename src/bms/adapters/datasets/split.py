"""Splits rows into train, validation and test: by a seed, the same on every machine, stratified by class."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import InvalidArgument

SPLITS = ("train", "validation", "test")


def check_fractions(fractions: Mapping[str, float]) -> dict[str, float]:
    """Returns the fractions above 0, in the order of SPLITS. Raises InvalidArgument unless they sum to 1 and some
    train."""
    unknown = sorted(set(fractions) - set(SPLITS))
    if unknown:
        raise InvalidArgument(f"unknown split {unknown[0][:40]!r}: use {', '.join(SPLITS)}")
    if not all(0 <= fraction <= 1 for fraction in fractions.values()) or abs(sum(fractions.values()) - 1) > 1e-6:
        raise InvalidArgument(f"the split's fractions must each lie in 0 to 1 and sum to 1; got {dict(fractions)}")
    if not fractions.get("train"):
        raise InvalidArgument("the split needs a part to train on: give `train` a fraction above 0")
    return {name: fractions[name] for name in SPLITS if fractions.get(name)}


def split_rows(
    rows: int, fractions: Mapping[str, float], seed: int, labels: NDArray[np.int64] | None = None
) -> dict[str, NDArray[np.int64]]:
    """Splits row indices, shuffled; every row is in exactly one split.

    With `labels` [rows] each class is divided by the fractions: in every split its count is within 2 of its
    share, and each split's size within 1 of its own. Without, rows are one class.
    """
    wanted = check_fractions(fractions)
    order = shuffled(rows, seed)
    classes = np.zeros(rows, np.int64) if labels is None else labels[order]
    shares = np.array(list(wanted.values()))
    carry = np.zeros(len(shares))
    parts: list[list[NDArray[np.int64]]] = [[] for _ in wanted]
    for members in _by_class(order, classes):
        ideal = shares * len(members) + carry  # what rounding owes the splits is paid back by the next class
        counts = _rounded(ideal, len(members))
        carry = ideal - counts
        for part, piece in zip(parts, np.split(members, np.cumsum(counts)[:-1]), strict=True):
            part.append(piece)
    drawn = {name: np.concatenate([*part, order[:0]]) for name, part in zip(wanted, parts, strict=True)}
    return {name: part[shuffled(len(part), seed + 1)] for name, part in drawn.items()}


def shuffled(rows: int, seed: int) -> NDArray[np.int64]:
    """A random permutation, by PCG64's raw output: unlike Generator.permutation it is promised to stay as it is."""
    keys = np.random.PCG64(seed).random_raw(rows) if rows else np.zeros(0, np.uint64)
    return np.argsort(keys, kind="stable").astype(np.int64)


def _by_class(order: NDArray[np.int64], classes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    grouped = np.argsort(classes, kind="stable")
    starts = np.flatnonzero(np.diff(classes[grouped])) + 1
    return np.split(order[grouped], starts)


def _rounded(ideal: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Whole numbers >= 0 that sum to `total`, nearest to `ideal` by largest remainder.

    What is carried from class to class stays between -1 and 1 and sums to 0, so lifting a share below zero
    never takes the sum above `total`.
    """
    counts = np.maximum(np.floor(ideal + 1e-9), 0).astype(np.int64)
    by_remainder = np.argsort(counts - ideal, kind="stable")
    counts[by_remainder[: total - int(counts.sum())]] += 1
    return counts
