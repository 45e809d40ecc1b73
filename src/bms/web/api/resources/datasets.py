"""Data set endpoints."""

from starlette.responses import Response

from bms.api_types.blobs import FileTree
from bms.api_types.datasets import Dataset, DatasetVersion, ListedDataset, StartImport
from bms.api_types.pages import Page
from bms.control.datasets.deletion import DatasetDeletion
from bms.control.datasets.nouns import ImportRequest, Source
from bms.control.datasets.service import DatasetService
from bms.control.platform.objects import ObjectStore
from bms.core.errors import InvalidArgument
from bms.core.formats.text_options import Reading
from bms.web.api.as_noun import as_noun
from bms.web.api.downloads import download
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.views import blobs
from bms.web.api.views import datasets as view
from bms.web.api.views.pages import page


class DatasetVersionListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters. Deleted versions are left out unless `all` asks for them."""

    all: bool = False


def endpoints(service: DatasetService, deletion: DatasetDeletion, objects: ObjectStore) -> list[Endpoint]:
    async def start_import(call: ApiCall[StartImport]) -> DatasetVersion:
        by, body = call.principal, call.body
        started = await service.start_import(
            by.tenant, by.user, call.path["dataset"], _request(body), description=body.description
        )
        return view.version(started)

    async def datasets(call: ApiCall[None]) -> Page[ListedDataset]:
        return page(await service.datasets(call.principal.tenant, listing(call)), view.listed)

    async def dataset(call: ApiCall[None]) -> Dataset:
        return view.dataset(await service.dataset(call.principal.tenant, call.path["dataset"]))

    async def versions(call: ApiCall[None]) -> Page[DatasetVersion]:
        tenant, name = call.principal.tenant, call.path["dataset"]
        return page(await service.versions(tenant, name, listing(call), every=call.query.all), view.version)

    async def version(call: ApiCall[None]) -> DatasetVersion:
        return view.version(await service.version(call.principal.tenant, call.path["dataset"], _number(call)))

    async def delete(call: ApiCall[None]) -> Dataset:
        return view.dataset(await deletion.delete(call.principal, call.path["dataset"], call.if_match))

    async def delete_version(call: ApiCall[None]) -> DatasetVersion:
        return view.version(await deletion.delete_version(call.principal, call.path["dataset"], _number(call)))

    async def statistics(call: ApiCall[None]) -> dict[str, object]:
        return await service.statistics(call.principal.tenant, call.path["dataset"], _number(call))

    async def files(call: ApiCall[None]) -> FileTree:
        return blobs.tree(await service.files(call.principal.tenant, call.path["dataset"], _number(call)))

    async def file(call: ApiCall[None]) -> Response:
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
        Endpoint(
            "GET", many, read, versions, "Versions, newest first", Page[DatasetVersion], query=DatasetVersionListing
        ),
        Endpoint("GET", number, read, version, "One version", DatasetVersion),
        Endpoint("DELETE", number, "datasets:write", delete_version, "Delete a version", DatasetVersion),
        Endpoint("GET", number + "/statistics", read, statistics, "Counts and measures", dict[str, object]),
        Endpoint("GET", number + "/files", read, files, "The files of a version", FileTree),
        Endpoint("GET", number + "/files/{path:path}", read, file, "One file of a version", bytes),
    ]


def _request(body: StartImport) -> ImportRequest:
    """Builds the request of an import. Raises InvalidArgument."""
    return ImportRequest(
        source=as_noun(body.source, Source, "source"),
        label=body.label,
        split=None if body.split is None else dict(body.split),
        seed=body.seed,
        shard_rows=body.shard_rows,
        reading=as_noun(body.reading, Reading, "reading"),
    )


def _number(call: ApiCall[None]) -> int:
    text = call.path["number"]
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) < 2**31):
        raise InvalidArgument(f"version {text[:40]!r} is not a number")
    return int(text)
