"""Deletes data sets and their versions. Their rows stay as lineage; their files go with the next garbage collection."""

from collections.abc import Sequence

import msgspec

from bms.control.datasets.events import DatasetDeleted, DatasetVersionDeleted
from bms.control.datasets.nouns import Dataset, DatasetVersion
from bms.control.datasets.ports import DatasetsTx, InUse
from bms.control.platform.transactions import Store
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import Aborted, FailedPrecondition, NotFound
from bms.core.events import Event, Payload


class DatasetDeletion:
    """Deletes data sets. Emits `dataset.version_deleted` (the subject is the version's id) and `dataset.deleted` (the
    data set's)."""

    def __init__(self, store: Store[DatasetsTx], clock: Clock, in_use: InUse) -> None:
        self._store = store
        self._clock = clock
        self._in_use = in_use

    async def delete(self, by: Principal, name: str, revision: int | None = None) -> Dataset:
        """Deletes a data set with all its versions; a second time is NotFound.

        Raises FailedPrecondition while one of them is being imported, or a gate or a job needs one.
        """
        async with self._store.write() as tx:
            dataset = await _held(tx, by.tenant, name)
            if revision is not None and revision != dataset.revision:
                raise Aborted(f"it was changed by someone else since revision {revision}: read it again and repeat")
            going = await tx.kept_versions(by.tenant, name)
            await self._require_unused(tx, by.tenant, name, going, left=False)
            for version in going:
                await self._delete(tx, version)
            saved = await tx.save_dataset(msgspec.structs.replace(dataset, deleted=True))
            await tx.emit(self._event(DatasetDeleted(name=name, versions=len(going)), by, saved.id))
        return saved

    async def delete_version(self, by: Principal, name: str, number: int) -> DatasetVersion:
        """Deletes one version; a second time changes nothing. Raises as `delete` does."""
        async with self._store.write() as tx:
            await _held(tx, by.tenant, name)
            version = await _version(tx, by.tenant, name, number)
            if version.state == "deleted":
                return version
            others = [each for each in await tx.kept_versions(by.tenant, name) if each.number != number]
            left = any(each.state == "ready" for each in others)
            await self._require_unused(tx, by.tenant, name, [version], left=left)
            saved = await self._delete(tx, version)
            await tx.emit(self._event(DatasetVersionDeleted(dataset=name, number=number), by, saved.id))
        return saved

    async def _delete(self, tx: DatasetsTx, version: DatasetVersion) -> DatasetVersion:
        await tx.close_allotment(version.tenant, "storage", version.id, self._clock.now())
        return await tx.save_version(_deleted(version))

    async def _require_unused(
        self, tx: DatasetsTx, tenant: str, name: str, going: Sequence[DatasetVersion], *, left: bool
    ) -> None:
        for version in going:
            if version.state == "importing":
                raise FailedPrecondition(_importing(version.reference, version.job))
        ready = frozenset(version.number for version in going if version.state == "ready")
        if not ready:
            return
        user = await self._in_use(tx, tenant, name, ready, left)
        if user is not None:
            raise FailedPrecondition(f"data set {name!r} is needed by {user}")

    def _event(self, payload: Payload, by: Principal, subject: str) -> Event[Payload]:
        return Event(payload=payload, tenant=by.tenant, subject=subject, actor=by.user, at=self._clock.now())


async def _held(tx: DatasetsTx, tenant: str, name: str) -> Dataset:
    dataset = await tx.held_dataset(tenant, name)
    if dataset is None or dataset.deleted:
        raise NotFound(f"no data set {name[:80]!r} in this tenant: list them with `bms dataset list`")
    return dataset


async def _version(tx: DatasetsTx, tenant: str, name: str, number: int) -> DatasetVersion:
    version = await tx.version(tenant, name, number)
    if version is None:
        raise NotFound(f"no version {number} of data set {name[:80]!r}: list them with `bms dataset versions {name}`")
    return version


def _deleted(version: DatasetVersion) -> DatasetVersion:
    """The version as deleted. It keeps what it was made of, and how many rows it had: the lineage of what was trained
    on it."""
    return msgspec.structs.replace(version, state="deleted")


def _importing(reference: str, job: str | None) -> str:
    how = f"cancel its import (`bms job cancel {job}`), or wait" if job else "wait for its import to begin, or to end"
    return f"{reference} is being imported: {how}, then repeat"
