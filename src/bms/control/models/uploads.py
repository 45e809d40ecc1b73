"""Use cases of uploads: a version is announced with its list of files, sent blob by blob, then completed."""

from collections.abc import Collection
from datetime import timedelta

import msgspec

from bms.control.models.adding import add_version
from bms.control.models.checks import check_new, check_pickle
from bms.control.models.drafts import declared_runtime
from bms.control.models.events import VersionRejected, VersionStarted, VersionUploaded
from bms.control.models.lookup import known_version, live_model, version_event
from bms.control.models.nouns import NewVersion, Version
from bms.control.models.ports import Archives, ModelsTx
from bms.control.models.states import moved
from bms.control.models.storage import begin_storage
from bms.control.platform.objects import ObjectStore
from bms.control.platform.transactions import Store
from bms.control.platform.trees import FileEntry, get_tree, missing, put_manifest, tree_of
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition

ABANDONED_S = 24 * 3600.0


class StartedUpload(msgspec.Struct, frozen=True, kw_only=True):
    """A version and the digests whose contents are still to be sent before it can be completed."""

    version: Version
    missing: tuple[str, ...] = ()


class Uploads:
    """Uploads versions. Between `start` and `complete` anything may be repeated; nothing is visible before.

    `runtimes` are the names of those there are.
    """

    def __init__(
        self,
        store: Store[ModelsTx],
        objects: ObjectStore,
        archives: Archives,
        clock: Clock,
        runtimes: Collection[str],
    ) -> None:
        self._store = store
        self._objects = objects
        self._archives = archives
        self._clock = clock
        self._runtimes = runtimes

    async def start(self, by: Principal, model: str, files: list[FileEntry], new: NewVersion) -> StartedUpload:
        """Begins an upload: a version in state uploading. From now on collection spares its files' contents.

        Raises NotFound for an unknown model, InvalidArgument for unsafe paths, wrong sizes, contradictions, and
        FailedPrecondition for a file that its name says is a pickle, where those are not allowed.
        """
        contents = tree_of(files)
        check_new(new)
        check_pickle([file.path for file in contents.files], new)
        declared_runtime(new.runtime, self._runtimes)
        async with self._store.read() as tx:
            await live_model(tx, by.tenant, model)
        absent = await missing(self._objects, by.tenant, contents)
        await put_manifest(self._objects, by.tenant, contents)
        at = self._clock.now()
        async with self._store.write() as tx:
            await live_model(tx, by.tenant, model, hold=True)
            version = await add_version(tx, by.tenant, model, contents, new, state="uploading", by=by.user, at=at)
            event = VersionStarted(model=model, number=version.number)
            await tx.emit(version_event(event, version, by.user, at))
        return StartedUpload(version=version, missing=tuple(file.digest for file in absent))

    async def complete(self, by: Principal, model: str, number: int) -> Version:
        """Completes an upload: all bytes are there, and the version is verified next. Completing again changes nothing.

        Raises FailedPrecondition naming what is missing, or when the upload was given up.
        """
        async with self._store.read() as tx:
            version = await known_version(tx, by.tenant, model, number)
        if version.state == "uploading":
            contents = await get_tree(self._objects, by.tenant, version.artifact)
            if absent := await missing(self._objects, by.tenant, contents):
                named = ", ".join(f"{file.path!r} ({file.digest})" for file in absent[:3])
                raise FailedPrecondition(
                    f"{len(absent)} files were not uploaded yet: {named}{' …' if len(absent) > 3 else ''}; "
                    "put their contents, then complete again"
                )
            version = await self._complete(by, model, number)
        if version.state in ("rejected", "deleted"):
            raise FailedPrecondition(f"version {number} of {model!r} is {version.state}: start a new upload")
        return version

    async def from_archive(self, by: Principal, model: str, archive: str, new: NewVersion) -> Version:
        """Makes a version in state verifying from an uploaded zip or tar, named by its digest. Raises as `start` does,
        and what `Archives.unpack` raises."""
        check_new(new)
        async with self._store.read() as tx:
            await live_model(tx, by.tenant, model)
        started = await self.start(by, model, await self._archives.unpack(by.tenant, archive), new)
        return await self.complete(by, model, started.version.number)

    async def from_tree(self, by: Principal, model: str, tree: str, new: NewVersion) -> Version:
        """Makes a version in state verifying from a tree that the tenant has stored, such as a job's output."""
        check_new(new)
        contents = await get_tree(self._objects, by.tenant, tree)
        if absent := await missing(self._objects, by.tenant, contents):
            raise FailedPrecondition(f"{len(absent)} files of that tree are not stored, e.g. {absent[0].path!r}")
        started = await self.start(by, model, list(contents.files), new)
        return await self.complete(by, model, started.version.number)

    async def expire(self, tenant: str, older_than_s: float = ABANDONED_S) -> list[Version]:
        """Gives up uploads that were started longer ago than that, so that their bytes can be collected."""
        before = self._clock.now() - timedelta(seconds=older_than_s)
        async with self._store.read() as tx:
            stale = await tx.uploads_before(tenant, before)
        given_up = []
        for found in stale:
            async with self._store.write() as tx:
                await tx.held_model(tenant, found.model)
                version = await known_version(tx, tenant, found.model, found.number)
                if version.state != "uploading":
                    continue  # completed since
                saved = await tx.save_version(moved(version, "rejected", "the upload was never completed"))
                event = VersionRejected(model=saved.model, number=saved.number)
                await tx.emit(version_event(event, saved, "system", self._clock.now()))
            given_up.append(saved)
        return given_up

    async def _complete(self, by: Principal, model: str, number: int) -> Version:
        async with self._store.write() as tx:
            await live_model(tx, by.tenant, model, hold=True)
            version = await known_version(tx, by.tenant, model, number)
            if version.state != "uploading":
                return version  # somebody else completed or gave it up in the meantime
            at = self._clock.now()
            saved = await tx.save_version(moved(version, "verifying"))
            await begin_storage(tx, saved, at)
            event = VersionUploaded(model=saved.model, number=saved.number)
            await tx.emit(version_event(event, saved, by.user, at))
        return saved
