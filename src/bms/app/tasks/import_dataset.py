"""Task: imports a data set: turns files into TFRecord splits with a schema and statistics.

Parameters: see ImportParameters; input: "source", a file or an unpacked directory, except for samples.
Output: {train,validation,test}-00000-of-0000N.tfrecord, dataset.json, statistics.json.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec

from bms.adapters.datasets import npz, samples
from bms.adapters.datasets.arrow import parquet
from bms.adapters.datasets.csv import source as csv
from bms.adapters.datasets.images import folder as images_folder
from bms.adapters.datasets.json import jsonl
from bms.adapters.datasets.labels import target_of, with_label
from bms.adapters.datasets.manifest import Manifest, write_manifest
from bms.adapters.datasets.parts import divide
from bms.adapters.datasets.split import check_fractions
from bms.adapters.datasets.statistics import Statistics, describe
from bms.adapters.datasets.table import Table
from bms.adapters.datasets.tfrecord import source as tfrecord_source
from bms.adapters.datasets.tfrecord.writer import write_split
from bms.core.errors import InvalidArgument
from bms.core.formats.text_options import Reading, check_reading

STATISTICS = "statistics.json"


class ImportJobContext(Protocol):
    """The part of the job's context that this task needs."""

    @property
    def parameters(self) -> dict[str, Any]: ...
    @property
    def inputs(self) -> dict[str, Path]: ...
    @property
    def output(self) -> Path: ...
    def progress(self, fraction: float, message: str = "") -> None: ...
    def metric(self, name: str, value: float, step: int | None = None) -> None: ...


class ImportParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of the import. `label` names the column to be predicted; None: the only one the source itself
    marks as a label."""

    format: Literal["sample", "images", "csv", "npz", "jsonl", "parquet", "tfrecord"]
    sample: str | None = None
    label: str | None = None
    split: dict[str, float] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)] = 0
    shard_rows: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 10_000
    reading: Reading = Reading()


LOADERS = {
    "images": images_folder.load,
    "npz": npz.load,
    "jsonl": jsonl.load,
    "parquet": parquet.load,
    "tfrecord": tfrecord_source.load,
}


def main(job: ImportJobContext) -> dict[str, object]:
    """Imports, and reports {rows, schema, label, labels, splits, findings}. Raises BmsErrors that say what to mend."""
    parameters = _parameters(job.parameters)
    if parameters.split is not None:
        check_fractions(parameters.split)
    check_reading(parameters.format, parameters.reading)
    job.progress(0.0, "reading the source")
    table = _load(parameters, job.inputs.get("source"))
    if table.rows == 0:
        raise InvalidArgument("the source has no rows")
    target = target_of(table.schema, parameters.label)

    job.progress(0.4, f"read {table.rows} rows; dividing and describing them")
    labels = table.numbers(target.name) if target is not None and target.kind == "label" else None
    splits, findings = divide(table.rows, table.parts, parameters.split, parameters.seed, labels)
    table = replace(table, findings=(*table.findings, *findings))
    statistics = describe(table, None if target is None else target.name, splits)

    job.progress(0.7, "writing TFRecord files")
    done = 0

    def written(rows: int) -> None:
        nonlocal done
        done += rows
        job.progress(0.7 + 0.3 * done / table.rows, f"wrote {done} of {table.rows} rows")

    files = {
        name: write_split(job.output, name, table, indices, parameters.shard_rows, written)
        for name, indices in splits.items()
    }
    manifest = Manifest(
        schema=table.schema,
        splits=files,
        label=None if target is None else target.name,
        labels=() if target is None else target.labels,
    )
    _write_statistics(job.output / STATISTICS, statistics)
    write_manifest(job.output, manifest)
    job.metric("rows", table.rows)
    report: dict[str, object] = msgspec.json.decode(msgspec.json.encode(manifest))
    return {"rows": table.rows, **report, "findings": msgspec.json.decode(msgspec.json.encode(statistics.findings))}


def _parameters(given: dict[str, Any]) -> ImportParameters:
    try:
        return msgspec.convert(given, ImportParameters)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"the import's parameters are wrong: {error}") from error


def _load(parameters: ImportParameters, source: Path | None) -> Table:
    if parameters.format == "sample":
        if parameters.sample is None:
            raise InvalidArgument(f"format 'sample' needs `sample`: one of {', '.join(samples.SAMPLES)}")
        table = samples.load(parameters.sample)
    elif source is None:
        raise InvalidArgument(f"format {parameters.format!r} needs an input named 'source'")
    elif parameters.format == "csv":
        table = csv.load(source, parameters.reading)
    else:
        table = LOADERS[parameters.format](source)
    return table if parameters.label is None else with_label(table, parameters.label)


def _write_statistics(path: Path, statistics: Statistics) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(statistics), indent=2) + b"\n")
