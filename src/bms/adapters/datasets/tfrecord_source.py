"""Tables from TFRecord files of others: the schema is in dataset.json beside them, or inferred from their rows."""

from collections import Counter
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


def load(source: Path) -> Table:
    """All records of the file `source`, or of every *.tfrecord below it in the order of their names.

    Inferred kinds: bytes that are PNG or JPEG are images, other bytes text; lists have the length of the first that has
    values, and a feature without a value in some rows is missing there.

    Raises InvalidArgument, DataLoss, PayloadTooLarge.
    """
    paths = all_files(source, ".tfrecord")
    records = [record for path in paths for record in read_records(path)]
    if not records:
        raise InvalidArgument(f"expected *.tfrecord files with records; found {len(paths)} files and no record")
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
