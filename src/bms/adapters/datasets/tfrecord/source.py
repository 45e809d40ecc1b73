"""Imports TFRecord files: the schema is in dataset.json beside them, or inferred from their rows."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import msgspec
import numpy as np

from bms.adapters.datasets.files import left_out, named_files
from bms.adapters.datasets.images.pictures import checked, shape_of
from bms.adapters.datasets.manifest import NAME, read_manifest
from bms.adapters.datasets.parts import parts_of_files
from bms.adapters.datasets.schema import MOST_FEATURES, ColumnSchema, TableSchema, check_schema
from bms.adapters.datasets.table import Table, table_of
from bms.adapters.datasets.tfrecord.examples import decode_rows
from bms.adapters.datasets.tfrecord.records import read_records
from bms.adapters.images.decoding import is_image
from bms.core.errors import BmsError, InvalidArgument
from bms.core.formats.example_codec import Numbers, Value, decode_example, feature_lists

_NAME = re.compile(r"\.tfrec(ord)?s?(-\d{5,}-of-\d{5,})?$", re.IGNORECASE)
_PART = re.compile(r"(?P<name>.+)-(?P<number>\d{5,9})-of-(?P<count>\d{5,9})(\.tfrec(ord)?s?)?", re.IGNORECASE)
_OURS = (NAME, "statistics.json")  # beside the files of an imported set
_SHOWN = 5


def load(source: Path) -> Table:
    """Reads all records of the file `source`, or of every TFRecord file below it in the order of their names, which may
    be those of parts: `train.tfrecord-00000-of-00002`, as TensorFlow Datasets has them. Files named after splits are
    those.

    Inferred kinds: bytes that are PNG, JPEG or WebP are images, other bytes text; lists have the length of the first
    that has values, and a feature without a value in some rows is missing there.

    Raises InvalidArgument, naming file and record, also where some parts of several are not there and for
    SequenceExamples; DataLoss, PayloadTooLarge.
    """
    paths = named_files(source, lambda name: _NAME.search(name) is not None)
    _check_parts(paths)
    records: list[bytes] = []
    counts = []
    for path in paths:
        before = len(records)
        records.extend(read_records(path))
        counts.append(len(records) - before)
    if not records:
        raise InvalidArgument(
            "expected *.tfrecord files, or parts like *.tfrecord-00000-of-00002, with records; found "
            f"{len(paths)} files and no record"
        )
    places = _Places([path.name for path in paths], counts)
    schema = _schema(paths[0].parent / NAME, _read(records, places), places)
    columns = decode_rows(schema, records, place=places.of)
    features = []
    for feature in schema.features:
        if feature.kind == "image":
            where = f"column {feature.name!r}"
            images = [bytes(image) for image in columns[feature.name]]  # type: ignore[arg-type]
            looks = [checked(image, f"{places.of(row)}, {where}") for row, image in enumerate(images)]
            feature = ColumnSchema(name=feature.name, kind="image", shape=shape_of(looks))
        features.append(feature)
    parts, said = parts_of_files([path.name for path in paths], counts)
    ours = [paths[0].parent / name for name in _OURS]
    table = table_of(TableSchema(features=tuple(features)), columns, (*said, *left_out(source, [*paths, *ours])))
    return replace(table, parts=parts, where=places.of)


class _Places:
    """The places of rows, for messages: the files by name, and how many records each has."""

    def __init__(self, names: Sequence[str], counts: Sequence[int]) -> None:
        self._names, self._starts = names, list(accumulate(counts, initial=0))

    def of(self, row: int) -> str:
        """The name of the row in messages, counted from 0 here and from 1 there."""
        file = bisect_right(self._starts, row) - 1
        return f"{self._names[file]}, record {row - self._starts[file] + 1}"


def _check_parts(paths: Sequence[Path]) -> None:
    """Raises InvalidArgument naming the first part that is not beside the others. One alone may be meant."""
    parts: dict[tuple[Path, str, int], set[int]] = {}
    for path in paths:
        if found := _PART.fullmatch(path.name):
            parts.setdefault((path.parent, found["name"], int(found["count"])), set()).add(int(found["number"]))
    for (_, name, count), there in parts.items():
        lacking = next((number for number in range(count) if number not in there), None)
        if lacking is not None and len(paths) > 1:
            raise InvalidArgument(
                f"of the {count} parts of {name!r} {len(there)} are there: {lacking:05} is not; give all of them"
            )


class _Seen:
    """The features found in all rows: the first row with a value of each, that value, and how many rows have one."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.first: dict[str, int] = {}
        self.rows: Counter[str] = Counter()
        self.gaps: frozenset[str] = frozenset()  # what some rows lack


def _read(records: Sequence[bytes], places: _Places) -> _Seen:
    seen = _Seen()
    for row, record in enumerate(records):
        try:
            example, lists = decode_example(record), feature_lists(record)
        except BmsError as error:
            raise InvalidArgument(f"{places.of(row)}: this is no tf.train.Example: {error.message}") from error
        if lists is not None:
            shown = ", ".join(map(repr, lists[:_SHOWN]))
            raise InvalidArgument(
                f"{places.of(row)}: this is a tf.train.SequenceExample with lists ({shown}), which no column holds: "
                "write each step as a tf.train.Example, or lists of equal length as features"
            )
        for name, value in example.items():
            seen.first.setdefault(name, row)
            if value is not None and len(value):
                seen.rows[name] += 1
                if name not in seen.values:
                    seen.values[name], seen.first[name] = value, row
            elif name not in seen.rows:
                seen.rows[name] = 0
        if len(seen.rows) > MOST_FEATURES:
            raise InvalidArgument(f"{places.of(row)}: more than {MOST_FEATURES} different features")
    seen.gaps = frozenset(name for name, times in seen.rows.items() if times < len(records))
    return seen


def _schema(beside: Path, seen: _Seen, places: _Places) -> TableSchema:
    """That of dataset.json, if it is there and names all that the rows have; else as the values are."""
    if beside.is_file():
        schema = check_schema(read_manifest(beside.parent).schema)
        known = {feature.name for feature in schema.features}
        unknown = [name for name in seen.rows if name not in known]
        if unknown:
            raise InvalidArgument(
                f"{places.of(seen.first[unknown[0]])} has {unknown[0]!r}, which {NAME} beside the file does not name: "
                "add it there, or remove that file"
            )
        return schema
    empty = sorted(name for name, times in seen.rows.items() if not times)
    if empty:
        raise InvalidArgument(f"column {empty[0]!r} has no value in any row: leave it out")
    features = [
        msgspec.structs.replace(
            _feature(name, seen.values[name], places.of(seen.first[name])), optional=name in seen.gaps
        )
        for name in sorted(seen.values)
    ]
    return check_schema(TableSchema(features=tuple(features)))


def _feature(name: str, value: Value, place: str) -> ColumnSchema:
    assert value is not None, "only those that are there"
    if isinstance(value, list):
        if len(value) != 1:
            raise InvalidArgument(f"{place}: column {name!r} has {len(value)} values; expected one text or image")
        return ColumnSchema(name=name, kind="image" if is_image(value[0]) else "text")
    numbers: Numbers = value
    shape = () if len(numbers) == 1 else (len(numbers),)
    return ColumnSchema(name=name, kind="float" if numbers.dtype == np.float32 else "int", shape=shape)
