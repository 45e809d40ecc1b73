"""Checks a table for common problems before training."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.columns import present
from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.datasets.measures import finite_of, offsets_of
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.table import Table
from bms.adapters.datasets.tfrecord.examples import encode_rows

_IMBALANCE = 10  # largest class / smallest class
_FAR = 10.0  # standard deviations
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def inspect(table: Table, label: str | None, splits: Mapping[str, NDArray[np.int64]]) -> list[DatasetFinding]:
    """Returns findings in the order: the source, the rows, then each feature."""
    found = list(table.findings)
    if table.rows == 0:
        return found
    found.extend(_repeated(table, label, splits))
    for feature in table.schema.features:
        found.extend(_feature(feature, table, is_label=feature.name == label))
    return found


def _repeated(table: Table, label: str | None, splits: Mapping[str, NDArray[np.int64]]) -> Iterator[DatasetFinding]:
    """Rows that are equal but for the label: within the table, across splits, with different labels."""
    features = tuple(feature for feature in table.schema.features if feature.name != label)
    if not features:
        return
    unlabelled = Table(TableSchema(features=features), table.columns, table.rows)
    groups: dict[bytes, list[int]] = defaultdict(list)
    for row, record in enumerate(encode_rows(unlabelled)):
        groups[blake2b(record, digest_size=16).digest()].append(row)
    repeated = [rows for rows in groups.values() if len(rows) > 1]
    if not repeated:
        return
    extra = sum(len(rows) - 1 for rows in repeated)
    first, second = (table.where(row) for row in repeated[0][:2])
    message = f"{extra} rows repeat an earlier one (the first: {first} and {second})"
    yield DatasetFinding(kind="duplicates", count=extra, message=message)
    where = np.full(table.rows, -1)
    for number, indices in enumerate(splits.values()):
        where[indices] = number
    leaks = sum(len(set(where[rows].tolist())) > 1 for rows in repeated)
    if leaks:
        yield DatasetFinding(kind="leak", count=leaks, message=f"{leaks} different rows are in more than one split")
    if label is not None:
        targets = table.numbers(label)
        torn = sum(len(set(targets[rows].tolist())) > 1 for rows in repeated)
        if torn:
            yield DatasetFinding(
                kind="contradiction", count=torn, message=f"{torn} different rows come with different labels"
            )


def _feature(feature: ColumnSchema, table: Table, is_label: bool) -> Iterator[DatasetFinding]:
    if feature.kind == "label":
        yield from _classes(feature, table)
    elif feature.kind in ("text", "datetime"):
        yield from _texts(feature.name, table.texts(feature.name), is_text=feature.kind == "text")
    elif feature.kind in ("float", "int", "bool"):
        yield from _numbers(feature, table.numbers(feature.name), is_label)


def _classes(feature: ColumnSchema, table: Table) -> Iterator[DatasetFinding]:
    counts = np.bincount(table.numbers(feature.name), minlength=len(feature.labels))
    if len(counts) == 1:
        message = f"every row is of class {feature.labels[0]!r}: there is nothing to tell apart"
        yield DatasetFinding(kind="constant", feature=feature.name, count=table.rows, message=message)
    empty = int((counts == 0).sum())
    if empty or counts.max() > _IMBALANCE * counts.min():
        small, large = feature.labels[int(counts.argmin())], feature.labels[int(counts.argmax())]
        message = f"class {large!r} has {counts.max()} rows, class {small!r} {counts.min()}"
        yield DatasetFinding(kind="imbalance", feature=feature.name, count=len(counts), message=message)


def _texts(name: str, cells: list[str | None], is_text: bool) -> Iterator[DatasetFinding]:
    there = [cell for cell in cells if cell is not None]
    if len(there) < len(cells):
        yield _missing(name, len(cells) - len(there), len(cells))
    if len(set(there)) == 1 and len(there) == len(cells) > 1:
        yield DatasetFinding(kind="constant", feature=name, count=len(cells), message="every row has the same text")
    formulae = sum(cell.startswith(_FORMULA) for cell in there) if is_text else 0
    if formulae:
        message = f"{formulae} texts begin like a spreadsheet's formula; do not open them in one unquoted"
        yield DatasetFinding(kind="formula", feature=name, count=formulae, message=message)


def _numbers(feature: ColumnSchema, column: NDArray[Any], is_label: bool) -> Iterator[DatasetFinding]:
    values, there = present(column.reshape(-1))
    name, finite = feature.name, finite_of(values[there])
    gone, infinite = len(values) - int(there.sum()), int(there.sum()) - len(finite)
    if gone:
        yield _missing(name, gone, len(values))
    if infinite:
        yield DatasetFinding(kind="infinite", feature=name, count=infinite, message=f"{infinite} values are infinite")
    if not finite.size:
        return
    if len(values) > 1 and finite.min() == finite.max():
        message = f"every value is {finite[0].item()}"
        yield DatasetFinding(kind="constant", feature=name, count=len(finite), message=message)
        return
    if feature.kind == "bool":
        return
    offsets = offsets_of(finite).values
    far = int((np.abs(offsets - offsets.mean()) > _FAR * offsets.std()).sum())
    if far:
        message = f"{far} values lie more than {_FAR:g} standard deviations from the mean"
        yield DatasetFinding(kind="outliers", feature=name, count=far, message=message)
    if feature.kind == "int" and not feature.shape and not is_label and len(finite) > 20:
        steps = np.diff(finite)
        if (steps == 1).all() or (steps == -1).all():
            message = "it counts the rows: leave it out of training"
            yield DatasetFinding(kind="identifier", feature=name, count=len(finite), message=message)


def _missing(name: str, gone: int, rows: int) -> DatasetFinding:
    return DatasetFinding(kind="missing", feature=name, count=gone, message=f"{gone} of {rows} values are missing")
