"""The schema of a data set: named features of seven kinds."""

from collections import Counter
from typing import Literal

import msgspec

from bms.core.errors import InvalidArgument

Kind = Literal["image", "label", "float", "int", "bool", "text", "datetime"]
OPTIONAL_IN_EVERY_SHAPE = ("float",)
NEVER_OPTIONAL = ("image", "label")
SHAPED = ("image", "float", "int", "bool")
_LONGEST_NAME = 128
MOST_FEATURES = 10_000


class ColumnSchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The schema of one column.

    image: an encoded PNG, JPEG or WebP; `shape` is (height, width, channels) if all have it, else empty.
    label: an index into `labels`, the classes' names.
    float: float64 of `shape`, NaN where missing. int: int64 of `shape`. bool: of `shape`. text: UTF-8.
    datetime: an ISO 8601 text, as its source wrote it; all of a column with an offset, or none.

    `optional`: some values are missing; only floats are so if they have a shape. Sets written before there was
    `optional` have "" for missing texts and NaN for missing integers, which are floats there.
    `stored` says how floats are written: None, as the float_list of float32 that every value is; "float64", as a
    bytes_list of one value, their doubles in little-endian order.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    optional: bool = False
    stored: Literal["float64"] | None = None


class TableSchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    features: tuple[ColumnSchema, ...]

    def feature(self, name: str) -> ColumnSchema:
        for feature in self.features:
            if feature.name == name:
                return feature
        known = ", ".join(feature.name for feature in self.features)
        raise InvalidArgument(f"the data set has no column {name!r}; it has: {known}")


def check_schema(schema: TableSchema) -> TableSchema:
    """Checks `schema`, and returns it. Raises InvalidArgument."""
    names = [feature.name for feature in schema.features]
    if not 0 < len(names) <= MOST_FEATURES:
        raise InvalidArgument(f"a data set has 1 to {MOST_FEATURES} columns, not {len(names)}")
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise InvalidArgument(f"columns are named twice: {', '.join(map(repr, twice))}; give each its own name")
    for feature in schema.features:
        _check_feature(feature)
    return schema


def _check_feature(feature: ColumnSchema) -> None:
    name = feature.name
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidArgument(
            f"a column is named {name[:80]!r}: use 1 to {_LONGEST_NAME} printable characters for each column's name"
        )
    if (feature.kind == "label") != bool(feature.labels) or len(set(feature.labels)) != len(feature.labels):
        raise InvalidArgument(f"column {name!r}: a label, and only a label, has class names, all different")
    if any(size < 0 for size in feature.shape) or (feature.shape and feature.kind not in SHAPED):
        raise InvalidArgument(f"column {name!r}: {feature.kind} cannot have shape {list(feature.shape)}")
    whole = feature.shape and feature.kind not in OPTIONAL_IN_EVERY_SHAPE
    if feature.optional and (whole or feature.kind in NEVER_OPTIONAL):
        shaped = f" of shape {list(feature.shape)}" if feature.shape else ""
        raise InvalidArgument(f"column {name!r}: {feature.kind}{shaped} cannot be optional; fill what is missing")
    if feature.stored is not None and feature.kind != "float":
        raise InvalidArgument(f"column {name!r}: {feature.kind} cannot be stored as {feature.stored}")
