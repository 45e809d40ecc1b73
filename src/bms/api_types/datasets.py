"""/api/v1/datasets: named series of immutable versions of data, and the sources they are imported from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from bms.core.latest import Newest

Format = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"enum": ["csv", "images", "jsonl", "npz", "parquet", "tfrecord"]}),
]
DatasetState = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["deleted", "failed", "importing", "ready"]})]


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Options for reading a text file such as CSV. What is None or left out is detected from the file.

    `columns` maps names to types. `na`: words that mean a missing value in every column, texts included, beside
    the empty cell and those that usually do; an empty list, or the empty word alone: only the empty cell does.
    """

    columns: dict[str, str] = {}
    na: tuple[str, ...] | None = None
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where an import's rows come from: a built-in data set by name, or uploaded files of one format, which None leaves
    to their names."""

    sample: str | None = None
    tree: str | None = None
    format: Format | None = None


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How a version is imported from its source. `split` maps train, validation and test to their shares; None: the
    splits that the source has by itself, or the usual shares."""

    source: Source = Source()
    label: str | None = None
    split: dict[str, float] | None = None
    seed: int = 0
    shard_rows: int = 10_000
    reading: Reading = Reading()


class StartImport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to import the next version of a data set. `description` counts when this makes the data set's first
    version; what is left out has its default."""

    source: Source
    label: str | None = None
    split: Mapping[str, float] | None = None
    seed: int = 0
    shard_rows: int = 10_000
    description: str = ""
    reading: Reading = Reading()


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A named series of versions, unique in its tenant. A deleted one keeps its name's numbers, so that what was made
    of a version never seems to be made of another."""

    id: str
    tenant: str = ""
    name: str
    description: str
    created_at: datetime
    deleted: bool = False
    revision: int = 1


class ListedDataset(Dataset, frozen=True, kw_only=True):
    """A data set as listings show it: with its newest version."""

    newest: Newest | None = None


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a version: how many rows, in which TFRecord files of its tree."""

    rows: int
    files: tuple[str, ...]


class DatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a data set. Immutable once ready; a deleted one says what it was and holds nothing. `tree` holds
    `<split>-….tfrecord`, `dataset.json` and `statistics.json`."""

    id: str
    tenant: str = ""
    dataset: str
    number: int
    state: DatasetState
    created_at: datetime
    created_by: str
    request: ImportRequest = ImportRequest()
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
