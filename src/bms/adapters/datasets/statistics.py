"""Statistics of a table: counts, ranges, distributions, classes, sizes of images, correlations."""

from collections import Counter
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.columns import present
from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.datasets.images.pictures import changes_of
from bms.adapters.datasets.measures import NumberStatistics, measure, offsets_of
from bms.adapters.datasets.quality import inspect
from bms.adapters.datasets.schema import ColumnSchema, Kind
from bms.adapters.datasets.table import Table
from bms.adapters.images.decoding import Look, look

_MOST_CORRELATED = 64  # features; beyond, a matrix helps nobody
_MOST_VALUES = 20  # of a text column, most frequent first
_SHOWN = 80  # characters of a text


class TextStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of a column of text. Lengths in characters; `top` are the most frequent texts with their counts, cut
    at 80 characters, and numbered where they are alike so far."""

    shortest: int
    longest: int
    distinct: int
    top: dict[str, int]


class ImageStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of a column of images. `sizes` counts "HEIGHTxWIDTHxCHANNELS", most frequent first; bytes are encoded
    ones."""

    sizes: dict[str, int]
    formats: dict[str, int]
    total_bytes: int


class FeatureStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of one feature. `missing` counts rows that lack a value. One of the others is given, by kind; none if
    nothing is there."""

    name: str
    kind: Kind
    shape: tuple[int, ...]
    missing: int
    numbers: NumberStatistics | None = None
    text: TextStatistics | None = None
    images: ImageStatistics | None = None
    classes: dict[str, int] | None = None  # rows of each class; of booleans, the values that are "False" and "True"


class Correlations(msgspec.Struct, frozen=True, kw_only=True):
    """Pearson's r between single-number features over rows without gaps; null where one is constant."""

    names: list[str]
    matrix: list[list[float | None]]


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    rows: int
    features: list[FeatureStatistics]
    correlations: Correlations | None
    splits: dict[str, dict[str, int]]  # class balance of each split; {"rows": n} without classes
    findings: list[DatasetFinding]


def describe(table: Table, label: str | None, splits: Mapping[str, NDArray[np.int64]]) -> Statistics:
    """Computes statistics of the whole `table`, whose target is column `label`, and of how `splits` divide its
    classes."""
    pictures = [feature.name for feature in table.schema.features if feature.kind == "image"]
    looks = {name: [look(bytes(image)) for image in table.columns[name]] for name in pictures}  # type: ignore[arg-type]
    changes = [finding for name, seen in looks.items() for finding in changes_of(name, seen)]
    return Statistics(
        rows=table.rows,
        features=[_describe(feature, table, looks) for feature in table.schema.features],
        correlations=_correlations(table),
        splits={name: _balance(table, label, indices) for name, indices in splits.items()},
        findings=[*inspect(table, label, splits), *changes],
    )


def _describe(feature: ColumnSchema, table: Table, looks: Mapping[str, list[Look]]) -> FeatureStatistics:
    missing = 0
    numbers: NumberStatistics | None = None
    text: TextStatistics | None = None
    images: ImageStatistics | None = None
    classes: dict[str, int] | None = None
    if feature.kind == "image":
        images = _images(looks[feature.name])
    elif feature.kind in ("text", "datetime"):
        texts = [cell for cell in table.texts(feature.name) if cell is not None]
        missing = table.rows - len(texts)
        text = _texts(texts)
    elif feature.kind == "label":
        classes = class_counts(table.numbers(feature.name), feature.labels)
    else:
        values, there = present(table.numbers(feature.name))
        missing = int((~there.reshape(table.rows, -1)).any(axis=1).sum()) if table.rows else 0
        if feature.kind == "bool":
            classes = class_counts(values[there].astype(np.int64), ("False", "True"))
        else:
            numbers = measure(values[there])
    return FeatureStatistics(
        name=feature.name,
        kind=feature.kind,
        shape=feature.shape,
        missing=missing,
        numbers=numbers,
        text=text,
        images=images,
        classes=classes,
    )


def class_counts(labels: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))


def _texts(present: list[str]) -> TextStatistics | None:
    if not present:
        return None
    counts = Counter(present)
    lengths = [len(text) for text in counts]
    top: dict[str, int] = {}
    for text, count in counts.most_common(_MOST_VALUES):
        shown, number = text[:_SHOWN], 1
        while shown in top:
            number += 1
            shown = f"{text[:_SHOWN]} ({number})"
        top[shown] = count
    return TextStatistics(shortest=min(lengths), longest=max(lengths), distinct=len(counts), top=top)


def _images(looks: list[Look]) -> ImageStatistics:
    sizes = Counter(f"{one.height}x{one.width}x{one.channels}" for one in looks)
    formats = Counter(one.format for one in looks)
    return ImageStatistics(
        sizes=dict(sizes.most_common(_MOST_VALUES)), formats=dict(formats), total_bytes=sum(one.size for one in looks)
    )


def _correlations(table: Table) -> Correlations | None:
    names = [f.name for f in table.schema.features if f.kind in ("float", "int") and not f.shape]
    if not 2 <= len(names) <= _MOST_CORRELATED:
        return None
    held = [present(table.numbers(name)) for name in names]
    whole = np.logical_and.reduce([there & np.isfinite(values) for values, there in held])
    if whole.sum() < 2:
        return None
    values = np.stack([offsets_of(values[whole]).values for values, _ in held])
    centred = values - values.mean(axis=1, keepdims=True)
    deviations = np.sqrt((centred**2).sum(axis=1))
    constant = deviations <= 1e-12 * np.abs(values).max(axis=1) * np.sqrt(values.shape[1])
    scaled = centred / np.where(constant, 1, deviations)[:, None]
    matrix = np.clip(scaled @ scaled.T, -1, 1)
    return Correlations(
        names=names,
        matrix=[
            [None if constant[row] or constant[column] else float(matrix[row, column]) for column in range(len(names))]
            for row in range(len(names))
        ],
    )


def _balance(table: Table, label: str | None, indices: NDArray[np.int64]) -> dict[str, int]:
    feature = None if label is None else table.schema.feature(label)
    if feature is None or feature.kind != "label":
        return {"rows": len(indices)}
    return class_counts(table.numbers(feature.name)[indices], feature.labels)
