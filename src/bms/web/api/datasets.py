"""Data sets over HTTP."""

import msgspec
from starlette.responses import Response

from bms.control.datasets.deletion import DatasetDeletion
from bms.control.datasets.nouns import Dataset, DatasetVersion, ImportRequest, ListedDataset, Source
from bms.control.datasets.service import DatasetService
from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import Tree
from bms.core.errors import InvalidArgument
from bms.core.pages import Page
from bms.core.reading import Reading
from bms.web.api.downloads import download
from bms.web.api.endpoint import Call, Endpoint, Listing, listing


class StartImport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`description` counts when this makes the data set's first version; what is left out has its default."""

    source: Source
    label: str | None = None
    split: dict[str, float] | None = None
    seed: int = 0
    shard_rows: int = 10_000
    description: str = ""
    reading: Reading = Reading()

    def request(self) -> ImportRequest:
        """Raises InvalidArgument."""
        return ImportRequest(
            source=self.source,
            label=self.label,
            split=self.split,
            seed=self.seed,
            shard_rows=self.shard_rows,
            reading=self.reading,
        )


class VersionListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deleted versions are left out unless `all` asks for them."""

    all: bool = False


def endpoints(service: DatasetService, deletion: DatasetDeletion, objects: ObjectStore) -> list[Endpoint]:
    async def start_import(call: Call[StartImport]) -> DatasetVersion:
        by, body = call.principal, call.body
        return await service.start_import(
            by.tenant, by.user, call.path["dataset"], body.request(), description=body.description
        )

    async def datasets(call: Call[None]) -> Page[ListedDataset]:
        return await service.datasets(call.principal.tenant, listing(call))

    async def dataset(call: Call[None]) -> Dataset:
        return await service.dataset(call.principal.tenant, call.path["dataset"])

    async def versions(call: Call[None]) -> Page[DatasetVersion]:
        return await service.versions(call.principal.tenant, call.path["dataset"], listing(call), every=call.query.all)

    async def version(call: Call[None]) -> DatasetVersion:
        return await service.version(call.principal.tenant, call.path["dataset"], _number(call))

    async def delete(call: Call[None]) -> Dataset:
        return await deletion.delete(call.principal, call.path["dataset"], call.if_match)

    async def delete_version(call: Call[None]) -> DatasetVersion:
        return await deletion.delete_version(call.principal, call.path["dataset"], _number(call))

    async def statistics(call: Call[None]) -> dict[str, object]:
        return await service.statistics(call.principal.tenant, call.path["dataset"], _number(call))

    async def files(call: Call[None]) -> Tree:
        return await service.files(call.principal.tenant, call.path["dataset"], _number(call))

    async def file(call: Call[None]) -> Response:
        tenant = call.principal.tenant
        entry = await service.file(tenant, call.path["dataset"], _number(call), call.path["path"])
        return await download(objects, tenant, entry)

    read, one = "datasets:read", "/datasets/{dataset}"
    many, number = one + "/versions", one + "/versions/{number}"
    return [
        Endpoint("GET", "/datasets", read, datasets, "List data sets by name", Page[ListedDataset], query=Listing),
        Endpoint("GET", one, read, dataset, "One data set", Dataset),
        Endpoint("DELETE", one, "datasets:write", delete, "Delete a data set and its versions", Dataset),
        Endpoint(
            "POST", many, "datasets:write", start_import, "Import a version", DatasetVersion, StartImport, status=201
        ),
        Endpoint("GET", many, read, versions, "Versions, newest first", Page[DatasetVersion], query=VersionListing),
        Endpoint("GET", number, read, version, "One version", DatasetVersion),
        Endpoint("DELETE", number, "datasets:write", delete_version, "Delete a version", DatasetVersion),
        Endpoint("GET", number + "/statistics", read, statistics, "Counts and measures", dict[str, object]),
        Endpoint("GET", number + "/files", read, files, "The files of a version", Tree),
        Endpoint("GET", number + "/files/{path:path}", read, file, "One file of a version", bytes),
    ]


def _number(call: Call[None]) -> int:
    text = call.path["number"]
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) < 2**31):
        raise InvalidArgument(f"version {text[:40]!r} is not a number")
    return int(text)
