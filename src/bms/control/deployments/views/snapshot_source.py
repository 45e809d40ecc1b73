"""The source (`control.snapshots.sources`) of deployments' snapshot entries."""

from collections.abc import Callable, Collection, Mapping, Sequence

from bms.control.deployments.changes import changes_of
from bms.control.deployments.ports import BulkCatalog, DeploymentsTx, Known
from bms.control.deployments.resolving import resolve
from bms.control.deployments.rows import DeploymentRows, in_parts
from bms.control.deployments.views.snapshot_entries import deployment_entry, shown_versions
from bms.control.models.nouns import Version, VersionFacts
from bms.control.platform.transactions import Store
from bms.core.errors import NotFound
from bms.core.events import Recorded
from bms.core.serving.snapshot import DeploymentEntry, Entry, EntryName
from bms.protocols.snapshots.sharing import Sharing


class DeploymentEntries:
    """Reads deployments' entries. `token_of` returns the token of a replica's model server."""

    kind = "deployment"

    def __init__(self, store: Store[DeploymentsTx], catalog: BulkCatalog, token_of: Callable[[str], bytes]) -> None:
        self._store = store
        self._catalog = catalog
        self._token_of = token_of
        self._sharing = Sharing()

    async def entries(self, among: Collection[str] | None = None) -> list[Entry]:
        if among is None:
            async with self._store.read() as tx:
                among = await tx.active_ids()
        entries: list[Entry] = []
        async for _, rows, known in in_parts(self._store, self._catalog, sorted(among)):
            for each in rows:
                entry = await self._entry(each, known)
                if entry is not None:
                    entries.append(self._sharing.entry(entry))
        return entries

    async def changed(self, events: Sequence[Recorded], before: Mapping[EntryName, Entry]) -> Collection[str] | None:
        changes = changes_of(events)
        if changes.everything:
            return None
        if not changes.models:
            return changes.deployments
        async with self._store.read() as tx:
            return await changes.affected(tx)

    async def _entry(self, rows: DeploymentRows, known: Known) -> DeploymentEntry | None:
        deployment, route = rows.deployment, rows.route
        desired = await resolve(deployment, rows.revision, known)
        versions: dict[int, Version | VersionFacts] = {}
        for number in shown_versions(desired, route):
            try:
                versions[number] = await known.version(deployment.tenant, deployment.spec.model, number)
            except NotFound:
                continue
        return deployment_entry(deployment, desired, route, rows.replicas, versions, self._token_of)
