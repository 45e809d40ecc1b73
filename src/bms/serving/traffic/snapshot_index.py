"""The snapshot indexed for look-ups: immutable, a new index for every update."""

from itertools import accumulate

from bms.core.serving.snapshot import DeploymentEntry, Entry, KeyEntry, ServedVersion, SnapshotState, SnapshotUpdate


class DeploymentRoute:
    """One deployment with its versions by number, by alias, and by cumulated weight. Never changes."""

    __slots__ = ("aliases", "bounds", "entry", "shares", "total", "versions")

    def __init__(self, entry: DeploymentEntry) -> None:
        self.entry = entry
        self.versions = {version.number: version for version in entry.versions}
        self.aliases = {alias: version for version in entry.versions for alias in version.aliases}
        self.shares: tuple[ServedVersion, ...] = tuple(
            version for version in entry.versions if version.weight > 0 and served(version)
        )
        self.bounds: tuple[int, ...] = tuple(accumulate(version.weight for version in self.shares))
        self.total = self.bounds[-1] if self.bounds else 0


def served(version: ServedVersion) -> bool:
    """Whether requests may go to this version now."""
    return version.state == "AVAILABLE" and bool(version.replicas)


class SnapshotIndex:
    """The snapshot at `revision`: keys by id, deployments by id and by (tenant, name). Never changes.

    `changed` are ids of the deployments in which it differs from the index it was made from; all other routes are
    the same objects in both.
    """

    __slots__ = ("_of_tenants", "by_id", "changed", "keys", "pepper", "revision", "routes")

    def __init__(
        self,
        revision: int = 0,
        pepper: bytes = b"",
        keys: dict[str, KeyEntry] | None = None,
        by_id: dict[str, DeploymentRoute] | None = None,
        routes: dict[tuple[str, str], DeploymentRoute] | None = None,
        of_tenants: dict[str, dict[str, DeploymentRoute]] | None = None,
        changed: frozenset[str] = frozenset(),
    ) -> None:
        self.revision = revision
        self.pepper = pepper
        self.keys = keys or {}
        self.by_id = by_id or {}
        self.routes = routes or {}
        self._of_tenants = of_tenants or {}  # routes by name, by tenant
        self.changed = changed

    @classmethod
    def of_state(cls, state: SnapshotState) -> "SnapshotIndex":
        return cls().apply(SnapshotUpdate(revision=state.revision, full=True, puts=state.entries, pepper=state.pepper))

    def state(self) -> SnapshotState:
        entries: list[Entry] = [*self.keys.values(), *(route.entry for route in self.by_id.values())]
        return SnapshotState(revision=self.revision, pepper=self.pepper, entries=tuple(entries))

    def apply(self, update: SnapshotUpdate) -> "SnapshotIndex":
        """Returns the index after `update`; this one stays as it is for the requests that hold it."""
        former = SnapshotIndex() if update.full else self
        keys, by_id, routes = dict(former.keys), dict(former.by_id), dict(former.routes)
        names: set[tuple[str, str]] = set()
        for kind, id in update.deletes:
            if kind == "key":
                keys.pop(id, None)
            elif kind == "deployment":
                names |= _remove(by_id.pop(id, None), routes)
        for entry in update.puts:
            if isinstance(entry, KeyEntry):
                old = self.keys.get(entry.id)
                keys[entry.id] = old if old == entry else entry
            elif isinstance(entry, DeploymentEntry):
                names |= _remove(by_id.get(entry.id), routes)
                known = self.by_id.get(entry.id)
                same = known is not None and known.entry == entry  # as most are in a full update to one who was away
                route = known if known is not None and same else DeploymentRoute(entry)
                by_id[entry.id] = routes[entry.tenant, entry.name] = route
                names.add((entry.tenant, entry.name))
        pepper = update.pepper if update.full else self.pepper
        of_tenants = _regrouped(former._of_tenants, routes, names)
        named = {id for _, id in update.deletes} | {entry.id for entry in update.puts}
        touched = self.by_id.keys() | named if update.full else named
        changed = frozenset(id for id in touched if self.by_id.get(id) is not by_id.get(id))
        return SnapshotIndex(update.revision, pepper, keys, by_id, routes, of_tenants, changed)

    def tenant_entries(self, tenant: str) -> list[DeploymentEntry]:
        """Returns all deployments of one tenant."""
        return [route.entry for route in self._of_tenants.get(tenant, {}).values()]


def _remove(route: DeploymentRoute | None, routes: dict[tuple[str, str], DeploymentRoute]) -> set[tuple[str, str]]:
    """Removes a deployment; returns the name that became free."""
    if route is None:
        return set()
    name = (route.entry.tenant, route.entry.name)
    if routes.get(name) is not route:  # the name may belong to another deployment by now
        return set()
    del routes[name]
    return {name}


def _regrouped(
    former: dict[str, dict[str, DeploymentRoute]],
    routes: dict[tuple[str, str], DeploymentRoute],
    names: set[tuple[str, str]],
) -> dict[str, dict[str, DeploymentRoute]]:
    """Returns `former` with the entries of `names` replaced from `routes`; only these tenants' are copied."""
    grouped = dict(former)
    for tenant in {tenant for tenant, _ in names}:
        grouped[tenant] = dict(former.get(tenant, {}))
    for tenant, name in names:
        route = routes.get((tenant, name))
        if route is None:
            grouped[tenant].pop(name, None)
        else:
            grouped[tenant][name] = route
    return {tenant: of_tenant for tenant, of_tenant in grouped.items() if of_tenant}
