"""Writes a table's splits as TFRecord shards."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bms.adapters.datasets.manifest import SplitFiles
from bms.adapters.datasets.table import Table
from bms.adapters.datasets.tfrecord.examples import encode_rows
from bms.adapters.datasets.tfrecord.records import write_records


def write_split(
    directory: Path,
    name: str,
    table: Table,
    indices: NDArray[np.int64],
    shard_rows: int,
    written: Callable[[int], None] | None = None,
) -> SplitFiles:
    """Writes the rows at `indices`, in their order, as NAME-00000-of-0000N.tfrecord of `shard_rows` rows each.

    A split without rows has no files. `written` hears the number of rows after each shard.
    """
    count = -(-len(indices) // shard_rows)
    files = []
    for number in range(count):
        file = f"{name}-{number:05}-of-{count:05}.tfrecord"
        part = table.take(indices[number * shard_rows : (number + 1) * shard_rows])
        rows = write_records(directory / file, encode_rows(part))
        files.append(file)
        if written is not None:
            written(rows)
    return SplitFiles(rows=len(indices), files=tuple(files))
