"""Dataset and DatasetVersion."""

from datetime import datetime
from typing import Literal

import msgspec


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A line of versions under one name, unique in its tenant."""

    id: str
    tenant: str
    name: str
    description: str
    created_at: datetime
    revision: int = 1


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a version: how many rows, in which TFRecord files of its tree."""

    rows: int
    files: tuple[str, ...]


class DatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Immutable once ready. `tree` holds `<split>-….tfrecord`, `dataset.json` and `statistics.json`."""

    id: str
    tenant: str
    dataset: str  # the data set's name
    number: int
    state: Literal["importing", "ready", "failed"]
    created_at: datetime
    created_by: str
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
