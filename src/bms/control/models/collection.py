"""Garbage collection: sweeps blobs that nothing refers to any more."""

from collections.abc import Awaitable, Callable, Sequence

from bms.control.models.ports import ModelsTx
from bms.control.platform.objects import Blob, ObjectStore
from bms.control.platform.transactions import Store
from bms.control.platform.trees import digests_of

SPARED_S = 3600.0  # younger blobs are left alone: whoever put them may not have named them yet

References = Callable[[str], Awaitable[frozenset[str]]]
"""tenant -> every digest one feature refers to, trees and the files in them."""


class VersionReferences:
    """The digests that versions refer to: artifacts and their files, of unfinished uploads too, not of deleted
    versions."""

    def __init__(self, store: Store[ModelsTx], objects: ObjectStore) -> None:
        self._store = store
        self._objects = objects

    async def __call__(self, tenant: str) -> frozenset[str]:
        async with self._store.read() as tx:
            artifacts = await tx.artifacts(tenant)
        return await digests_of(self._objects, tenant, artifacts)


class Collector:
    """Marks with every feature's references, then sweeps. When one of them fails, nothing is swept."""

    def __init__(self, objects: ObjectStore, references: Sequence[References], spared_s: float = SPARED_S) -> None:
        self._objects = objects
        self._references = tuple(references)
        self._spared_s = max(spared_s, SPARED_S)

    async def collect(self, tenant: str) -> list[Blob]:
        """Sweeps the tenant's blobs; returns those that were removed."""
        marked: frozenset[str] = frozenset()
        for references in self._references:
            marked |= await references(tenant)
        return await self._objects.sweep(tenant, marked, self._spared_s)
