"""Data sets: named series of immutable versions, stored as TFRecord."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

import msgspec

from bms.api_types.datasets import (
    DatasetVersion,
    ImportRequest,
    Reading,
    Source,
    Split,
    StartImport,
)
from bms.api_types.datasets import ListedDataset as Dataset  # whose newest version is told in lists alone
from bms.core.clock import Clock, SystemClock
from bms.core.errors import FailedPrecondition
from bms.core.formats.text_options import Reading as CheckedReading
from bms.sdk.binding.resources import D, operation, path_part, stream
from bms.sdk.files.blobs import Uploading, UploadProgress
from bms.sdk.files.local import FileEntry, FileTree
from bms.sdk.transport.bodies import without_defaults
from bms.sdk.transport.flow import Flow, Stream
from bms.sdk.transport.waiting import until

__all__ = [
    "ColumnFound",
    "Dataset",
    "DatasetVersion",
    "Datasets",
    "Finding",
    "ImportReport",
    "ImportRequest",
    "Reading",
    "Source",
    "Split",
]


class ColumnFound(msgspec.Struct, frozen=True, kw_only=True):
    """A column as the import detected it; `missing` counts rows without a value."""

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    missing: int = 0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One observation or warning of an import. Kinds: docs/datasets.md."""

    kind: str
    message: str
    count: int
    feature: str | None = None


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of an import. `splits`: rows of each class, or of all (`rows`), by split."""

    rows: int
    columns: tuple[ColumnFound, ...] = msgspec.field(name="features", default=())
    splits: dict[str, dict[str, int]] = {}
    findings: tuple[Finding, ...] = ()


class Datasets(Uploading[D]):
    """Imports, lists, downloads and deletes data sets (`/api/v1/datasets`)."""

    _clock: Clock = SystemClock()

    @operation
    def import_sample(
        self,
        name: str,
        sample: str,
        *,
        split: Mapping[str, float] | None = None,
        seed: int = 0,
        description: str = "",
    ) -> Flow[DatasetVersion]:
        """Starts importing a real data set that comes with the platform, such as "digits", as the next version."""
        return self._import(
            name, StartImport(source=Source(sample=sample), split=split, seed=seed, description=description)
        )

    @operation
    def import_files(
        self,
        name: str,
        path: Path,
        format: str | None = None,
        *,
        label: str | None = None,
        split: Mapping[str, float] | None = None,
        seed: int = 0,
        description: str = "",
        columns: Mapping[str, str] | None = None,
        na: Sequence[str] | None = None,
        separator: str | None = None,
        decimal: str | None = None,
        encoding: str | None = None,
        on_progress: UploadProgress | None = None,
    ) -> Flow[DatasetVersion]:
        """Uploads files (images in a folder per class, csv, npz, jsonl, parquet or tfrecord) and starts importing them.

        `format` None: detected from their names. `label` names the column that holds the class; `split` maps parts to
        shares that add up to 1; without it the source's own splits are kept. The rest is for CSV, what is left out is
        told from the file: `columns` maps names to "number", "integer", "text", "boolean" or "datetime"; cells that say
        a word of `na` are missing, too; of an empty list, empty cells alone.
        """
        reading = CheckedReading(
            columns=dict(columns or {}),
            na=None if na is None else tuple(na),
            separator=separator,
            decimal=decimal,
            encoding=encoding,
        )
        tree = yield from self._send_tree(path, on_progress)
        asked = StartImport(
            source=Source(tree=tree, format=format),
            label=label,
            split=split,
            seed=seed,
            description=description,
            reading=Reading(**msgspec.structs.asdict(reading)),
        )
        return (yield from self._import(name, asked))

    @operation
    def get(self, name: str) -> Flow[Dataset]:
        return self._get(f"/datasets/{path_part(name)}", Dataset)

    @stream
    def list(self) -> Stream[Dataset]:
        return self._pages("/datasets", Dataset)

    @operation
    def version(self, name: str, number: int) -> Flow[DatasetVersion]:
        return self._version(name, number)

    @stream
    def versions(self, name: str, *, all: bool = False) -> Stream[DatasetVersion]:
        """Lists a data set's versions, newest first; with `all`, deleted ones too."""
        return self._pages(f"/datasets/{path_part(name)}/versions", DatasetVersion, {"all": True} if all else None)

    @operation
    def delete(self, name: str) -> Flow[None]:
        """Deletes a data set with all its versions. Raises FailedPrecondition while one is imported, or a gate or a job
        needs one. Models that were made of it stay, and so does what their lineage names."""
        return self._change("DELETE", f"/datasets/{path_part(name)}", type(None))

    @operation
    def delete_version(self, name: str, number: int) -> Flow[None]:
        """Deletes one version. Raises as `delete` does."""
        return self._change("DELETE", _numbered(name, number), type(None))

    @operation
    def statistics(self, name: str, number: int) -> Flow[dict[str, object]]:
        return self._get(f"{_numbered(name, number)}/statistics", dict[str, object])

    @operation
    def report(self, name: str, number: int) -> Flow[ImportReport]:
        """What the import detected and warned of; part of the statistics."""
        return self._get(f"{_numbered(name, number)}/statistics", ImportReport)

    @operation
    def files(self, name: str, number: int) -> Flow[tuple[FileEntry, ...]]:
        """Lists the files of a version: TFRecord, `dataset.json` and `statistics.json`."""
        tree = yield from self._get(f"{_numbered(name, number)}/files", FileTree)
        return tree.files

    @stream
    def download(self, name: str, number: int, path: str) -> Stream[bytes]:
        """Downloads one file of a version, in pieces."""
        return self._download(f"{_numbered(name, number)}/files/{quote(path)}")

    @operation
    def wait(
        self,
        name: str,
        number: int,
        on_progress: Callable[[DatasetVersion], None] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Flow[DatasetVersion]:
        """Waits until a version is imported, and returns it. Raises FailedPrecondition with the reason when that
        failed."""
        version = yield from until(
            partial(self._version, name, number),
            lambda version: version.state != "importing",
            what=f"the import of {name}@{number}",
            clock=self._clock,
            timeout_s=timeout_s,
            on_progress=on_progress,
        )
        if version.state != "ready":
            raise FailedPrecondition(f"the import of {name}@{number} failed: {version.reason}")
        return version

    def _version(self, name: str, number: int) -> Flow[DatasetVersion]:
        return self._get(_numbered(name, number), DatasetVersion)

    def _import(self, name: str, asked: StartImport) -> Flow[DatasetVersion]:
        return self._post(f"/datasets/{path_part(name)}/versions", DatasetVersion, without_defaults(asked))


def _numbered(name: str, number: int) -> str:
    return f"/datasets/{path_part(name)}/versions/{number}"
