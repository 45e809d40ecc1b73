"""Reads an imported data set for training code: as arrays by column, or as a pandas frame."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.frames import frame_of
from bms.adapters.datasets.images.pictures import decode_images
from bms.adapters.datasets.manifest import Manifest, SplitFiles, read_manifest
from bms.adapters.datasets.tfrecord.examples import decode_rows
from bms.adapters.datasets.tfrecord.records import read_batches, read_records
from bms.core.errors import DataLoss, NotFound

if TYPE_CHECKING:
    import pandas

__all__ = ["decode_images", "iterate_split", "load_frame", "load_split", "read_manifest"]


def load_split(directory: Path, split: str) -> dict[str, Column]:
    """Reads all rows of a split, a column a key, as `pandas.DataFrame` takes them where they have no shape.

    float: float64, NaN where missing. int: int64, bool: bool [rows, *shape], or where values are missing an array of
    objects with None in their place. label: int64, indices into the manifest's labels. text, datetime: a list of str,
    None where missing. image: a list of bytes. `directory` holds dataset.json.

    Raises NotFound for an unknown split, DataLoss for damaged or missing files.
    """
    manifest = read_manifest(directory)
    files = _split(manifest, split)
    records = (record for name in files.files for record in read_records(_present(directory / name)))
    columns = decode_rows(manifest.schema, records)
    _check_rows(split, files, len(next(iter(columns.values()))))
    return columns


def load_frame(directory: Path, split: str) -> "pandas.DataFrame":
    """Reads all rows of a split as a frame; needs pandas in the environment of the job. `frame_of` says what becomes of
    each kind. Raises as `load_split` does."""
    return frame_of(read_manifest(directory).schema, load_split(directory, split))


def iterate_split(directory: Path, split: str, batch_rows: int = 1024) -> Iterator[dict[str, Column]]:
    """Reads a split in batches of at most `batch_rows`, for a split that does not fit in memory."""
    manifest = read_manifest(directory)
    files = _split(manifest, split)
    rows = 0
    for name in files.files:
        for batch in read_batches(_present(directory / name), batch_rows):
            yield decode_rows(manifest.schema, batch, rows)
            rows += len(batch)
    _check_rows(split, files, rows)


def _split(manifest: Manifest, split: str) -> SplitFiles:
    files = manifest.splits.get(split)
    if files is None:
        raise NotFound(f"the data set has no split {split!r}; it has: {', '.join(manifest.splits)}")
    return files


def _present(path: Path) -> Path:
    if not path.is_file():
        raise DataLoss(f"{path.name} is missing from the data set")
    return path


def _check_rows(split: str, files: SplitFiles, rows: int) -> None:
    if rows != files.rows:
        raise DataLoss(f"split {split!r} should have {files.rows} rows, but its files hold {rows}")
