"""Tables from TFRecord files of others: the schema is in dataset.json beside them, or inferred from the first row."""

from pathlib import Path

import numpy as np

from bms.adapters.datasets.example_codec import Value, decode_example
from bms.adapters.datasets.examples import decode_rows
from bms.adapters.datasets.files import all_files
from bms.adapters.datasets.images import look, shape_of_all
from bms.adapters.datasets.manifest import read_manifest
from bms.adapters.datasets.schema import Feature, Schema
from bms.adapters.datasets.table import Table, table_of
from bms.adapters.datasets.tfrecord import read_records
from bms.core.errors import BmsError, InvalidArgument


def load(source: Path) -> Table:
    """All records of the file `source`, or of every *.tfrecord below it in the order of their names.

    Inferred kinds: bytes that are PNG or JPEG are images, other bytes text; lists keep their first row's length.
    Raises InvalidArgument, DataLoss, PayloadTooLarge.
    """
    paths = all_files(source, ".tfrecord")
    records = [record for path in paths for record in read_records(path)]
    if not records:
        raise InvalidArgument(f"expected *.tfrecord files with records; found {len(paths)} files and no record")
    beside = [path.parent / "dataset.json" for path in paths[:1]]
    schema = read_manifest(beside[0].parent).schema if beside[0].is_file() else _inferred(records[0])
    columns = decode_rows(schema, records)
    features = []
    for feature in schema.features:
        if feature.kind == "image":
            images = [bytes(image) for image in columns[feature.name]]  # type: ignore[arg-type]
            feature = Feature(name=feature.name, kind="image", shape=shape_of_all(images))
        features.append(feature)
    return table_of(Schema(features=tuple(features)), columns)


def _inferred(record: bytes) -> Schema:
    try:
        example = decode_example(record)
    except BmsError as error:
        raise InvalidArgument(f"the records are not tf.train.Examples: {error.message}") from error
    return Schema(features=tuple(_feature(name, value) for name, value in sorted(example.items())))


def _feature(name: str, value: Value) -> Feature:
    if value is None or (isinstance(value, list) and len(value) != 1):
        raise InvalidArgument(f"column {name!r} has no value, or several, in the first row; expected one text or image")
    if isinstance(value, list):
        return Feature(name=name, kind="image" if _is_image(value[0]) else "text")
    shape = () if len(value) == 1 else (len(value),)
    return Feature(name=name, kind="float" if value.dtype == np.float32 else "int", shape=shape)


def _is_image(data: bytes) -> bool:
    try:
        look(data)
    except InvalidArgument:
        return False
    return True
