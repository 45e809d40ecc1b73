"""Builds the job that imports a version of a data set, and reads its report. Pure."""

import msgspec

from bms.control.datasets.nouns import DatasetVersion, Source
from bms.core.formats.text_options import Reading

ENTRY = "task:import_dataset"
INPUT = "source"  # the directory of uploaded files, as the task knows it
# What the platform itself does without.
SAMPLE_REQUIREMENTS = ("scikit-learn>=1.5,<2", "pillow>=11")
PARQUET_REQUIREMENTS = ("pyarrow>=17", "pillow>=11")


class ImportJob(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a job's spec that follow from an import request. `subject` comes back with the job's end."""

    name: str
    entry: str
    inputs: dict[str, str]  # directory name: digest of the tree
    parameters: dict[str, object]
    requirements: tuple[str, ...]
    subject: str


class ImportTaskReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report of the import task; other fields of it are passed over."""

    splits: dict[str, dict[str, object]]
    labels: tuple[str, ...] = ()


def import_job(version: DatasetVersion) -> ImportJob:
    """The job that makes `version`. Without requirements it runs in the platform's own environment."""
    request, source = version.request, version.request.source
    parameters: dict[str, object] = {
        "format": source.format or "sample",
        "sample": source.sample,
        "label": request.label,
        "split": request.split,
        "seed": request.seed,
        "shard_rows": request.shard_rows,
        "reading": None if request.reading == Reading() else msgspec.to_builtins(request.reading),
    }
    return ImportJob(
        name=f"import-{version.dataset}-{version.number}",
        entry=ENTRY,
        inputs={} if source.tree is None else {INPUT: source.tree},
        parameters={name: value for name, value in parameters.items() if value is not None},
        requirements=_requirements(source),
        subject=version.id,
    )


def _requirements(source: Source) -> tuple[str, ...]:
    if source.sample is not None:
        return SAMPLE_REQUIREMENTS
    return PARQUET_REQUIREMENTS if source.format == "parquet" else ()
