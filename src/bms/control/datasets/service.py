"""Use cases of data sets: import, look, resolve a reference, read the files of a version.

Another feature runs the import: `dataset.import_requested` asks for it, and `finish_import` is called at its end.
"""

from datetime import datetime

import msgspec

from bms.control.datasets.events import (
    DatasetCreated,
    DatasetFailed,
    DatasetImportRequested,
    DatasetReady,
    OfDatasetVersion,
)
from bms.control.datasets.formats import format_of
from bms.control.datasets.importing import ImportTaskReport
from bms.control.datasets.nouns import Dataset, DatasetVersion, ImportRequest, ListedDataset, Split
from bms.control.datasets.ports import DatasetsTx
from bms.control.datasets.storage import held_by
from bms.control.platform.objects import ObjectStore
from bms.control.platform.transactions import Store
from bms.control.platform.trees import FileEntry, Tree, digests_of, get_tree
from bms.core.clock import Clock
from bms.core.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from bms.core.events import Event, Payload
from bms.core.ids import check_name, new_id
from bms.core.pages import Page, PageRequest

STATISTICS = "statistics.json"
MAX_STATISTICS = 16 << 20


class DatasetService:
    """Data sets and their versions. Emits `dataset.created`, `dataset.import_requested`, `dataset.ready` and
    `dataset.failed`; the subject is the data set's id for the first, the version's for the others."""

    def __init__(self, store: Store[DatasetsTx], objects: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock

    async def start_import(
        self, tenant: str, by: str, name: str, request: ImportRequest, description: str = ""
    ) -> DatasetVersion:
        """Begins the next version of `name`, importing; the data set is made with its first version, or with the first
        after it was deleted, whose number goes on from what there was.

        Raises InvalidArgument for a name or request that is wrong, NotFound for files that were not uploaded.
        """
        check_name("dataset", name)
        tree = request.source.tree
        if tree is not None:
            if await self._objects.stat(tenant, tree) is None:
                raise NotFound(f"no uploaded files {tree} in this tenant: upload them first")
            request = _with_format(request, await get_tree(self._objects, tenant, tree))
        now = self._clock.now()
        async with self._store.write() as tx:
            found = await tx.held_dataset(tenant, name)
            if found is None or found.deleted:
                made = Dataset(id=new_id("dataset"), tenant=tenant, name=name, description=description, created_at=now)
                if found is None:
                    await tx.add_dataset(made)
                else:
                    made = await tx.save_dataset(msgspec.structs.replace(made, id=found.id, revision=found.revision))
                await tx.emit(self._event(DatasetCreated(name=name), tenant, made.id, by))
            version = DatasetVersion(
                id=new_id("datasetversion"),
                tenant=tenant,
                dataset=name,
                number=await tx.next_number(tenant, name),
                state="importing",
                created_at=now,
                created_by=by,
                request=request,
            )
            await tx.add_version(version)
            await tx.emit(self._about(DatasetImportRequested, version, by))
        return version

    async def importing(self, before: datetime) -> list[DatasetVersion]:
        """Versions of all tenants that were made before then and are still imported. For the platform's loops."""
        async with self._store.read() as tx:
            return await tx.importing(before)

    async def note_job(self, tenant: str, id: str, job: str) -> DatasetVersion:
        """Records which job imports a version; a second time changes nothing."""
        async with self._store.write() as tx:
            version = _found(await tx.version_by_id(tenant, id), id)
            if version.job == job:
                return version
            return await tx.save_version(msgspec.structs.replace(version, job=job))

    async def finish_import(
        self, tenant: str, id: str, *, tree: str | None, report: dict[str, object], reason: str = ""
    ) -> DatasetVersion:
        """Makes an importing version ready from its job's output, or failed for `reason` or for what is missing.

        A version that is ready or failed already stays as it is.
        """
        version = await self.version_by_id(tenant, id)
        if version.state != "importing":
            return version
        try:
            done = await self._imported(version, tree, report, reason)
        except (InvalidArgument, NotFound, DataLoss) as error:
            done = msgspec.structs.replace(version, state="failed", reason=error.message)
        async with self._store.write() as tx:
            current = _found(await tx.version_by_id(tenant, id), id)
            if current.state != "importing":
                return current
            saved = await tx.save_version(msgspec.structs.replace(done, job=current.job, revision=current.revision))
            if saved.state == "ready" and (held := held_by(saved)) is not None:
                await tx.open_allotment(held, self._clock.now())
            await tx.emit(self._about(DatasetReady if saved.state == "ready" else DatasetFailed, saved, "system"))
        return saved

    async def dataset(self, tenant: str, name: str) -> Dataset:
        async with self._store.read() as tx:
            return await self._dataset(tx, tenant, name)

    async def datasets(self, tenant: str, page: PageRequest) -> Page[ListedDataset]:
        """Data sets by name, each with its newest version."""
        async with self._store.read() as tx:
            found = await tx.datasets(tenant, page)
            newest = await tx.newest(tenant, [each.name for each in found.items])
        items = [ListedDataset(**msgspec.structs.asdict(each), newest=newest.get(each.name)) for each in found.items]
        return Page(items=items, next=found.next)

    async def versions(self, tenant: str, name: str, page: PageRequest, *, every: bool = False) -> Page[DatasetVersion]:
        """Versions of a data set, newest first; `every`: deleted ones, too, also of a data set that was deleted."""
        async with self._store.read() as tx:
            if not every or await tx.dataset(tenant, name) is None:
                await self._dataset(tx, tenant, name)
            return await tx.versions(tenant, name, page, every=every)

    async def version(self, tenant: str, name: str, number: int) -> DatasetVersion:
        async with self._store.read() as tx:
            return _found(await tx.version(tenant, name, number), f"{name}@{number}")

    async def version_by_id(self, tenant: str, id: str) -> DatasetVersion:
        async with self._store.read() as tx:
            return _found(await tx.version_by_id(tenant, id), id)

    async def resolve(self, tenant: str, reference: str) -> DatasetVersion:
        """The ready version that `digits` (the newest) or `digits@3` names.

        Raises NotFound, and FailedPrecondition while it is not ready.
        """
        name, number = parse_reference(reference)
        async with self._store.read() as tx:
            if number is not None:
                return _ready(_found(await tx.version(tenant, name, number), reference))
            await self._dataset(tx, tenant, name)
            newest = await tx.newest_ready(tenant, name)
        if newest is None:
            raise FailedPrecondition(f"data set {name!r} has no ready version yet: wait for its import to end")
        return newest

    async def files(self, tenant: str, name: str, number: int) -> Tree:
        """The files of a ready version."""
        version = _ready(await self.version(tenant, name, number))
        assert version.tree is not None, "a ready version has a tree"
        return await get_tree(self._objects, tenant, version.tree)

    async def file(self, tenant: str, name: str, number: int, path: str) -> FileEntry:
        for entry in (await self.files(tenant, name, number)).files:
            if entry.path == path:
                return entry
        raise NotFound(f"{name}@{number} has no file {path[:200]!r}: list its files first")

    async def statistics(self, tenant: str, name: str, number: int) -> dict[str, object]:
        """The statistics of each column and split, as the import computed them."""
        entry = await self.file(tenant, name, number, STATISTICS)
        if entry.size > MAX_STATISTICS:
            raise FailedPrecondition(f"the statistics of {name}@{number} have {entry.size} bytes: download the file")
        content = b"".join([chunk async for chunk in self._objects.read(tenant, entry.digest)])
        try:
            return msgspec.json.decode(content, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DataLoss(f"the statistics of {name}@{number} can't be read: {error}") from error

    async def references(self, tenant: str) -> frozenset[str]:
        """Every digest that collection of blobs must spare for the tenant's data sets."""
        async with self._store.read() as tx:
            trees = await tx.trees(tenant)
        return await digests_of(self._objects, tenant, trees)

    async def _imported(
        self, version: DatasetVersion, tree: str | None, report: dict[str, object], reason: str
    ) -> DatasetVersion:
        if reason or tree is None:
            raise InvalidArgument(reason or "the import left no files")
        try:
            told = msgspec.convert(report, ImportTaskReport)
            splits = msgspec.convert(told.splits, dict[str, Split])
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"the import's report is not what was expected: {error}") from error
        held = await get_tree(self._objects, version.tenant, tree)
        paths = {file.path for file in held.files}
        named = {file for split in splits.values() for file in split.files} | {STATISTICS}
        if missing := sorted(named - paths):
            raise InvalidArgument(f"the import left no {missing[0]!r}")
        return msgspec.structs.replace(
            version, state="ready", tree=tree, size=held.size, splits=splits, labels=told.labels
        )

    async def _dataset(self, tx: DatasetsTx, tenant: str, name: str) -> Dataset:
        dataset = await tx.dataset(tenant, name)
        if dataset is None or dataset.deleted:
            raise NotFound(f"no data set {name[:80]!r} in this tenant: list them with `bms dataset list`")
        return dataset

    def _about(self, kind: type[OfDatasetVersion], version: DatasetVersion, actor: str) -> Event[Payload]:
        event = kind(dataset=version.dataset, number=version.number, reason=version.reason)
        return self._event(event, version.tenant, version.id, actor)

    def _event(self, payload: Payload, tenant: str, subject: str, actor: str) -> Event[Payload]:
        return Event(payload=payload, tenant=tenant, subject=subject, actor=actor, at=self._clock.now())


def _with_format(request: ImportRequest, tree: Tree) -> ImportRequest:
    """The request with the format of its files. Raises InvalidArgument where their names don't show it."""
    format = format_of((file.path for file in tree.files), request.source.format)
    source = msgspec.structs.replace(request.source, format=format)
    return msgspec.structs.replace(request, source=source)


def _found(version: DatasetVersion | None, what: str) -> DatasetVersion:
    if version is None:
        raise NotFound(f"no data set version {what[:80]!r} in this tenant: list them with `bms dataset versions`")
    return version


def _ready(version: DatasetVersion) -> DatasetVersion:
    if version.state == "failed":
        raise FailedPrecondition(f"{version.reference} failed to import: {version.reason}")
    if version.state == "deleted":
        raise FailedPrecondition(f"{version.reference} was deleted: its rows are gone")
    if version.state != "ready":
        raise FailedPrecondition(f"{version.reference} is still importing: wait for its job to end")
    return version


def parse_reference(text: str) -> tuple[str, int | None]:
    """Parses a reference into name and number; None: the newest ready version. Raises InvalidArgument."""
    name, at, number = text.partition("@")
    if at and not (number.isascii() and number.isdecimal() and 0 < int(number) < 2**31):
        raise InvalidArgument(f"{text[:80]!r} names no version of a data set: write NAME or NAME@NUMBER, e.g. digits@3")
    return check_name("dataset", name), int(number) if at else None
