"""Imports the built-in sample data sets: those that scikit-learn carries, without a download."""

from typing import Any

import numpy as np

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.images.pictures import encode_png
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.table import Table, table_of
from bms.core.errors import FailedPrecondition, InvalidArgument

SAMPLES = ("digits", "iris", "wine", "breast_cancer")
_DARKEST = 16  # digits come as 0 to 16


def load(name: str) -> Table:
    """Reads a sample data set. digits: columns image (8 × 8 grey PNG, 0 to 255) and label; the others: a float a
    column, and label.

    Needs scikit-learn: raises FailedPrecondition without it, InvalidArgument for an unknown name.
    """
    if name not in SAMPLES:
        raise InvalidArgument(f"unknown sample {name!r}: use one of {', '.join(SAMPLES)}")
    try:
        from sklearn import datasets  # only the environment of this job has it
    except ImportError as error:
        raise FailedPrecondition("samples need scikit-learn in the job's environment") from error
    bunch: Any = getattr(datasets, f"load_{name}")()
    label = ColumnSchema(name="label", kind="label", labels=tuple(str(text) for text in bunch.target_names))
    target = np.asarray(bunch.target, np.int64)
    if name == "digits":
        images = np.rint(bunch.images * (255 / _DARKEST)).astype(np.uint8)
        image = ColumnSchema(name="image", kind="image", shape=(8, 8, 1))
        return table_of(
            TableSchema(features=(image, label)), {"image": [encode_png(i) for i in images], "label": target}
        )
    columns: dict[str, Column] = {}
    for number, text in enumerate(bunch.feature_names):
        column = str(text).replace("(cm)", "cm").replace("/", " ").replace(" ", "_")
        columns[column] = np.asarray(bunch.data[:, number], np.float64)
    features = (*(ColumnSchema(name=column, kind="float") for column in columns), label)
    return table_of(TableSchema(features=features), {**columns, "label": target})
