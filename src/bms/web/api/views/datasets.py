"""Converts data sets into answers of the API."""

import msgspec

from bms.api_types import datasets
from bms.control.datasets.nouns import Dataset, DatasetVersion, ImportRequest, ListedDataset, Source
from bms.core.formats.text_options import Reading


def dataset(one: Dataset) -> datasets.Dataset:
    return datasets.Dataset(
        id=one.id,
        tenant=one.tenant,
        name=one.name,
        description=one.description,
        created_at=one.created_at,
        deleted=one.deleted,
        revision=one.revision,
    )


def listed(one: ListedDataset) -> datasets.ListedDataset:
    return datasets.ListedDataset(**msgspec.structs.asdict(dataset(one)), newest=one.newest)


def version(one: DatasetVersion) -> datasets.DatasetVersion:
    return datasets.DatasetVersion(
        id=one.id,
        tenant=one.tenant,
        dataset=one.dataset,
        number=one.number,
        state=one.state,
        created_at=one.created_at,
        created_by=one.created_by,
        request=_request(one.request),
        job=one.job,
        tree=one.tree,
        size=one.size,
        splits={name: datasets.Split(rows=each.rows, files=each.files) for name, each in one.splits.items()},
        labels=one.labels,
        reason=one.reason,
        revision=one.revision,
    )


def _request(one: ImportRequest) -> datasets.ImportRequest:
    return datasets.ImportRequest(
        source=_source(one.source),
        label=one.label,
        split=one.split,
        seed=one.seed,
        shard_rows=one.shard_rows,
        reading=_reading(one.reading),
    )


def _source(one: Source) -> datasets.Source:
    return datasets.Source(sample=one.sample, tree=one.tree, format=one.format)


def _reading(one: Reading) -> datasets.Reading:
    return datasets.Reading(
        columns=one.columns, na=one.na, separator=one.separator, decimal=one.decimal, encoding=one.encoding
    )
