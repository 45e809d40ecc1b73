"""Use cases of downloads: reads a version's files back."""

from bms.control.models.lookup import known_version
from bms.control.models.nouns import Version
from bms.control.models.ports import ModelsTx
from bms.control.platform.objects import ObjectStore
from bms.control.platform.transactions import Store
from bms.control.platform.trees import FileEntry, Tree, get_tree
from bms.core.errors import FailedPrecondition, NotFound


class Downloads:
    """Files of versions whose upload was completed and that are not deleted."""

    def __init__(self, store: Store[ModelsTx], objects: ObjectStore) -> None:
        self._store = store
        self._objects = objects

    async def files(self, tenant: str, model: str, number: int) -> Tree:
        """The files of a version. Raises NotFound, FailedPrecondition for a version without complete files."""
        version = await self._version(tenant, model, number)
        return await get_tree(self._objects, tenant, version.artifact)

    async def file(self, tenant: str, model: str, number: int, path: str) -> FileEntry:
        """One file of a version. Raises NotFound for a path that it has not."""
        for entry in (await self.files(tenant, model, number)).files:
            if entry.path == path:
                return entry
        raise NotFound(f"version {number} of {model!r} has no file {path[:80]!r}: list its files first")

    async def _version(self, tenant: str, model: str, number: int) -> Version:
        async with self._store.read() as tx:
            version = await known_version(tx, tenant, model, number)
        if version.state in ("uploading", "deleted"):
            raise FailedPrecondition(f"version {number} of {model!r} is {version.state}: it has no files to read")
        return version
