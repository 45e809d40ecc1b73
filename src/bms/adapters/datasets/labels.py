"""Makes a table's label column its target: classes, or a number to predict."""

from dataclasses import replace

import numpy as np

from bms.adapters.datasets.columns import Column, present
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.table import Table, table_of
from bms.core.errors import InvalidArgument

_MOST_INTEGER_CLASSES = 100
_MOST_CLASSES = 100_000


def with_label(table: Table, name: str) -> Table:
    """Returns `table` with column `name` as its target.

    Texts become classes, sorted; booleans the classes False and True; integers too, sorted by value, unless they have
    more than 100 different ones; these, and floats, stay numbers. Raises InvalidArgument for a column that is absent,
    has gaps, or can't be one.
    """
    feature = table.schema.feature(name)
    if feature.kind == "label":
        return table
    if feature.kind == "image" or feature.shape:
        raise InvalidArgument(f"column {name!r} cannot be the label: it holds {feature.kind} of {list(feature.shape)}")
    if feature.kind in ("text", "datetime"):
        return _of_texts(table, name)
    values, there = present(table.numbers(name))
    if not there.all():
        raise _gap(table, name, int(np.flatnonzero(~there)[0]))
    if feature.kind == "float":
        return table
    if feature.kind == "bool":
        return _replaced(table, name, ("False", "True"), values.astype(np.int64))
    numbers, codes = np.unique(values, return_inverse=True)
    if len(numbers) > _MOST_INTEGER_CLASSES:
        return table
    return _replaced(table, name, tuple(str(number) for number in numbers.tolist()), codes.astype(np.int64))


def _of_texts(table: Table, name: str) -> Table:
    texts = [cell or "" for cell in table.texts(name)]
    if "" in texts:
        raise _gap(table, name, texts.index(""))
    classes = tuple(sorted(set(texts)))
    if len(classes) > _MOST_CLASSES:
        raise InvalidArgument(f"column {name!r} has {len(classes)} different texts, too many to be classes")
    index = {text: number for number, text in enumerate(classes)}
    return _replaced(table, name, classes, np.array([index[text] for text in texts], np.int64))


def target_of(schema: TableSchema, label: str | None) -> ColumnSchema | None:
    """The target's feature: the one named, else the only one of kind label, else None."""
    if label is not None:
        return schema.feature(label)
    labels = [feature for feature in schema.features if feature.kind == "label"]
    return labels[0] if len(labels) == 1 else None


def _gap(table: Table, name: str, row: int) -> InvalidArgument:
    read = [one.message for one in table.findings if one.feature == name and "read as missing" in one.message]
    words = f" ({read[0]}; declare the column text if that is a class)" if read else ""
    return InvalidArgument(f"{table.where(row)} has no label in column {name!r}: fill it or remove the row{words}")


def _replaced(table: Table, name: str, classes: tuple[str, ...], codes: Column) -> Table:
    features = tuple(
        ColumnSchema(name=name, kind="label", labels=classes) if feature.name == name else feature
        for feature in table.schema.features
    )
    labelled = table_of(TableSchema(features=features), {**table.columns, name: codes}, table.findings)
    return replace(labelled, where=table.where, parts=table.parts)
