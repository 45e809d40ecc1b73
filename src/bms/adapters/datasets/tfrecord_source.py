"""Tables from TFRecord files of others: the schema is in dataset.json beside them, or inferred from their rows."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from bms.adapters.datasets.examples import decode_rows
from bms.adapters.datasets.files import all_files
from bms.adapters.datasets.images import look, shape_of_all
from bms.adapters.datasets.manifest import read_manifest
from bms.adapters.datasets.schema import MOST_FEATURES, Feature, Schema, check_schema
from bms.adapters.datasets.table import Table, table_of
from bms.adapters.datasets.tfrecord import read_records
from bms.core.errors import BmsError, InvalidArgument
from bms.core.example_codec import Numbers, decode_example

_NAME = re.compile(r"\.tfrec(ord)?s?(-\d{5,}-of-\d{5,})?$", re.IGNORECASE)
_PART = re.compile(r"(?P<name>.+)-(?P<number>\d{5,9})-of-(?P<count>\d{5,9})(\.tfrec(ord)?s?)?", re.IGNORECASE)


def load(source: Path) -> Table:
    """All records of the file `source`, or of every TFRecord file below it in the order of their names, which may be
    those of parts: `train.tfrecord-00000-of-00002`, as TensorFlow Datasets has them.

    Inferred kinds: bytes that are PNG or JPEG are images, other bytes text; lists have the length of the first that has
    values, and a feature without a value in some rows is missing there.

    Raises InvalidArgument, also where some parts of several are not there, DataLoss, PayloadTooLarge.
    """
    paths = [source] if source.is_file() else [path for path in all_files(source, "") if _NAME.search(path.name)]
    _check_parts(paths)
    records = [record for path in paths for record in read_records(path)]
    if not records:
        raise InvalidArgument(
            "expected *.tfrecord files, or parts like *.tfrecord-00000-of-00002, with records; found "
            f"{len(paths)} files and no record"
        )
    beside = [path.parent / "dataset.json" for path in paths[:1]]
    schema = read_manifest(beside[0].parent).schema if beside[0].is_file() else _inferred(records)
    check_schema(schema)
    columns = decode_rows(schema, records)
    features = []
    for feature in schema.features:
        if feature.kind == "image":
            images = [bytes(image) for image in columns[feature.name]]  # type: ignore[arg-type]
            feature = Feature(name=feature.name, kind="image", shape=shape_of_all(images))
        features.append(feature)
    return table_of(Schema(features=tuple(features)), columns)


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


def _inferred(records: list[bytes]) -> Schema:
    found: dict[str, Feature] = {}
    rows: Counter[str] = Counter()
    for row, record in enumerate(records):
        try:
            example = decode_example(record)
        except BmsError as error:
            raise InvalidArgument(f"the records are not tf.train.Examples: row {row}: {error.message}") from error
        for name, value in example.items():
            if value is not None and len(value):
                rows[name] += 1
                found[name] = found.get(name) or _feature(name, value)
            elif name not in rows:
                rows[name] = 0
        if len(rows) > MOST_FEATURES:
            raise InvalidArgument(f"row {row}: more than {MOST_FEATURES} different features")
    empty = sorted(name for name, times in rows.items() if not times)
    if empty:
        raise InvalidArgument(f"column {empty[0]!r} has no value in any row: leave it out")
    gaps = {name for name, times in rows.items() if times < len(records)}
    features = (msgspec.structs.replace(found[name], optional=name in gaps) for name in sorted(found))
    return Schema(features=tuple(features))


def _feature(name: str, value: list[bytes] | Numbers) -> Feature:
    if isinstance(value, list):
        if len(value) != 1:
            raise InvalidArgument(f"column {name!r} has {len(value)} values in a row; expected one text or image")
        return Feature(name=name, kind="image" if _is_image(value[0]) else "text")
    shape = () if len(value) == 1 else (len(value),)
    return Feature(name=name, kind="float" if value.dtype == np.float32 else "int", shape=shape)


def _is_image(data: bytes) -> bool:
    try:
        look(data)
    except InvalidArgument:
        return False
    return True
