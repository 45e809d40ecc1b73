"""Use cases of releasing and withdrawing versions: publish, take offline, delete."""

import msgspec

from bms.control.models.events import ModelDeleted, OfVersion, VersionDeleted, VersionOffline, VersionPublished
from bms.control.models.lookup import expect, known_version, live_model, model_event, version_event
from bms.control.models.nouns import Model, Version, VersionState
from bms.control.models.ports import ModelsTx, VersionInUse, unused
from bms.control.models.states import moved
from bms.control.models.storage import end_storage
from bms.control.platform.transactions import Store
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition

_DEED: dict[VersionState, type[OfVersion]] = {
    "ready": VersionPublished,
    "offline": VersionOffline,
    "deleted": VersionDeleted,
}


class Releases:
    """Publishes and withdraws versions. Nothing is withdrawn while `in_use` finds a user of it or an alias points at
    it."""

    def __init__(self, store: Store[ModelsTx], clock: Clock, in_use: VersionInUse = unused) -> None:
        self._store = store
        self._clock = clock
        self._in_use = in_use

    async def publish(self, by: Principal, model: str, number: int, revision: int | None = None) -> Version:
        """Makes an offline version ready again."""
        return await self._shift(by, model, number, "ready", revision)

    async def take_offline(self, by: Principal, model: str, number: int, revision: int | None = None) -> Version:
        """Takes a ready version out of use; it may be published again."""
        return await self._shift(by, model, number, "offline", revision)

    async def delete(self, by: Principal, model: str, number: int, revision: int | None = None) -> Version:
        """Deletes a version: its row stays as a tombstone; its bytes go with the next collection. An unfinished upload
        is given up, and leaves nothing: its number is given again if it was the last."""
        return await self._shift(by, model, number, "deleted", revision)

    async def delete_model(self, by: Principal, name: str, revision: int | None = None) -> Model:
        """Deletes a model with its versions and aliases; a second time is NotFound.

        Raises FailedPrecondition while any version is used or being verified.
        """
        async with self._store.read() as tx:
            await live_model(tx, by.tenant, name)
            versions = await tx.kept_versions(by.tenant, name)
        for version in versions:
            await self._require_unused(version)
        at = self._clock.now()
        async with self._store.write() as tx:
            model = await live_model(tx, by.tenant, name, hold=True)
            expect(revision, model.revision)
            for alias in await tx.all_aliases(by.tenant, name):
                await tx.delete_alias(alias)
            for version in await tx.kept_versions(by.tenant, name):
                await end_storage(tx, await tx.save_version(_deleted(version)), at)
            saved = await tx.save_model(msgspec.structs.replace(model, deleted=True))
            await tx.emit(model_event(ModelDeleted(versions=len(versions)), saved, by.user, at))
        return saved

    async def _shift(self, by: Principal, model: str, number: int, to: VersionState, revision: int | None) -> Version:
        if to != "ready":
            async with self._store.read() as tx:
                version = await known_version(tx, by.tenant, model, number)
            await self._require_unused(version)
        async with self._store.write() as tx:
            await live_model(tx, by.tenant, model, hold=True)
            version = await known_version(tx, by.tenant, model, number)
            if version.state == to:
                return version
            expect(revision, version.revision)
            if to == "ready" and version.state != "offline":
                raise FailedPrecondition(
                    f"version {number} of {model!r} is {version.state}: only an offline version is published"
                )
            if aliases := await tx.all_aliases(by.tenant, model, number):
                names = ", ".join(repr(alias.name) for alias in aliases)
                raise FailedPrecondition(f"version {number} of {model!r} is named by {names}: move the alias first")
            if version.state == "uploading" and to == "deleted":
                saved = _deleted(version)
                await tx.remove_version(version)
            else:
                saved = await tx.save_version(_deleted(version) if to == "deleted" else moved(version, to))
            at = self._clock.now()
            if to == "deleted":
                await end_storage(tx, saved, at)
            event = _DEED[to](model=saved.model, number=saved.number)
            await tx.emit(version_event(event, saved, by.user, at))
        return saved

    async def _require_unused(self, version: Version) -> None:
        user = await self._in_use(version.tenant, version.model, version.number)
        if user is not None:
            raise FailedPrecondition(
                f"version {version.number} of {version.model!r} is used by {user}: let it serve another version first"
            )


def _deleted(version: Version) -> Version:
    """The version as deleted; it keeps why it had been rejected."""
    if version.state == "uploading":
        version = moved(version, "rejected", "the upload was given up")
    return moved(version, "deleted", version.reason)
