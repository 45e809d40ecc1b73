"""The nouns of data sets: Dataset, DatasetVersion, and the source of an import."""

from datetime import datetime
from typing import Literal

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.formats.text_options import Reading, check_reading
from bms.core.latest import Newest

Format = Literal["images", "csv", "npz", "jsonl", "parquet", "tfrecord"]
SPLIT = ("train", "validation", "test")


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The source of rows: a built-in data set that needs no download, by name, or uploaded files of one format; None:
    the format that their names show."""

    sample: str | None = None  # "digits"
    tree: str | None = None  # digest of uploaded files
    format: Format | None = None

    def __post_init__(self) -> None:
        if (self.sample is None) == (self.tree is None):
            raise InvalidArgument("a source names either a sample or a tree of uploaded files: exactly one of them")
        if self.sample is not None and self.format is not None:
            raise InvalidArgument("a sample has no format: leave it out")


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to import a version. `split` maps train, validation and test to their shares; None: the splits that the
    source has by itself, or the usual shares."""

    source: Source
    label: str | None = None  # the column that says the class; None: the format's own, if it has any
    split: dict[str, float] | None = None
    seed: int = 0
    shard_rows: int = 10_000  # rows of one TFRecord file
    reading: Reading = Reading()

    def __post_init__(self) -> None:
        if self.source.format is not None or self.source.sample is not None:
            check_reading(self.source.format, self.reading)
        if self.split is not None:
            self._check_split(self.split)
        if not 0 <= self.seed < 2**63:
            raise InvalidArgument(f"seed is {self.seed}, expected 0 to 2**63 - 1")
        if not 1 <= self.shard_rows <= 10_000_000:
            raise InvalidArgument(f"shard_rows is {self.shard_rows}, expected 1 to 10,000,000")

    @staticmethod
    def _check_split(split: dict[str, float]) -> None:
        if unknown := sorted(set(split) - set(SPLIT)):
            raise InvalidArgument(f"unknown split {unknown[0][:40]!r}: use {', '.join(SPLIT)}")
        if not all(0 <= share <= 1 for share in split.values()) or abs(sum(split.values()) - 1) > 1e-6:
            raise InvalidArgument(f"the shares of split lie in 0 to 1 and add up to 1, these do not: {split}")
        if not split.get("train"):
            raise InvalidArgument("split leaves nothing to train on: give `train` a share over 0")


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A line of versions under one name, unique in its tenant. A deleted one keeps its name's numbers, so that what was
    made of a version never seems to be made of another."""

    id: str
    tenant: str
    name: str
    description: str
    created_at: datetime
    deleted: bool = False
    revision: int = 1


class ListedDataset(Dataset, frozen=True, kw_only=True):
    """A data set in a list of them: with its newest version."""

    newest: Newest | None = None


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a version: how many rows, in which TFRecord files of its tree."""

    rows: int
    files: tuple[str, ...]


class DatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Immutable once ready; a deleted one says what it was and holds nothing. `tree` holds `<split>-….tfrecord`,
    `dataset.json` and `statistics.json`."""

    id: str
    tenant: str
    dataset: str  # the data set's name
    number: int
    state: Literal["importing", "ready", "failed", "deleted"]
    created_at: datetime
    created_by: str
    request: ImportRequest
    job: str | None = None
    tree: str | None = None
    size: int = 0
    splits: dict[str, Split] = {}
    labels: tuple[str, ...] = ()
    reason: str = ""
    revision: int = 1

    @property
    def reference(self) -> str:
        return f"{self.dataset}@{self.number}"
