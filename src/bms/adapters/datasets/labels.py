"""Turning the column a person calls the label into classes, or leaving it a quantity to be predicted."""

import msgspec
import numpy as np

from bms.adapters.datasets.schema import Feature, Schema
from bms.adapters.datasets.table import Column, Table, table_of
from bms.core.errors import InvalidArgument

_MOST_INTEGER_CLASSES = 100
_MOST_CLASSES = 100_000


def with_label(table: Table, name: str) -> Table:
    """`table` with column `name` as its target.

    Texts become classes, sorted; integers too, sorted by value, unless they have more than 100 different ones;
    these, and floats, stay numbers. Raises InvalidArgument for a column that is absent, has gaps, or can't be one.
    """
    feature = table.schema.feature(name)
    if feature.kind == "label":
        return table
    if feature.kind == "image" or feature.shape:
        raise InvalidArgument(f"column {name!r} cannot be the label: it holds {feature.kind} of {list(feature.shape)}")
    column = table.columns[name]
    if feature.kind == "float":
        gaps = np.flatnonzero(np.isnan(table.numbers(name)))
        if gaps.size:
            raise _gap(name, int(gaps[0]))
        return table
    if feature.kind == "text":
        texts = [str(cell) for cell in column]
        if "" in texts:
            raise _gap(name, texts.index(""))
        classes = tuple(sorted(set(texts)))
        if len(classes) > _MOST_CLASSES:
            raise InvalidArgument(f"column {name!r} has {len(classes)} different texts, too many to be classes")
        index = {text: number for number, text in enumerate(classes)}
        return _replaced(table, name, classes, np.array([index[text] for text in texts], np.int64))
    values, codes = np.unique(table.numbers(name), return_inverse=True)
    if len(values) > _MOST_INTEGER_CLASSES:
        return table
    return _replaced(table, name, tuple(str(value) for value in values.tolist()), codes.astype(np.int64))


def target_of(schema: Schema, label: str | None) -> Feature | None:
    """The target's feature: the one named, else the only one of kind label, else None."""
    if label is not None:
        return schema.feature(label)
    labels = [feature for feature in schema.features if feature.kind == "label"]
    return labels[0] if len(labels) == 1 else None


def _gap(name: str, row: int) -> InvalidArgument:
    return InvalidArgument(f"row {row} has no label (column {name!r}); fill it or remove the row")


def _replaced(table: Table, name: str, classes: tuple[str, ...], codes: Column) -> Table:
    features = tuple(
        msgspec.structs.replace(feature, kind="label", labels=classes) if feature.name == name else feature
        for feature in table.schema.features
    )
    return table_of(Schema(features=features), {**table.columns, name: codes})
