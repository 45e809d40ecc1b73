"""What a gateway knows, arranged for looking up: immutable, a new index for every update."""

from itertools import accumulate

from bms.core.snapshot import DeploymentEntry, Entry, KeyEntry, ServedVersion, SnapshotState, SnapshotUpdate


class Route:
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
    """Whether requests may go to it now."""
    return version.state == "AVAILABLE" and bool(version.replicas)


class SnapshotIndex:
    """The state after `revision`: keys by id, deployments by id and by (tenant, name). Never changes."""

    __slots__ = ("by_id", "keys", "pepper", "revision", "routes")

    def __init__(
        self,
        revision: int = 0,
        pepper: bytes = b"",
        keys: dict[str, KeyEntry] | None = None,
        by_id: dict[str, Route] | None = None,
        routes: dict[tuple[str, str], Route] | None = None,
    ) -> None:
        self.revision = revision
        self.pepper = pepper
        self.keys = keys or {}
        self.by_id = by_id or {}
        self.routes = routes or {}

    @classmethod
    def of_state(cls, state: SnapshotState) -> "SnapshotIndex":
        return cls().apply(SnapshotUpdate(revision=state.revision, full=True, puts=state.entries, pepper=state.pepper))

    def state(self) -> SnapshotState:
        entries: list[Entry] = [*self.keys.values(), *(route.entry for route in self.by_id.values())]
        return SnapshotState(revision=self.revision, pepper=self.pepper, entries=tuple(entries))

    def apply(self, update: SnapshotUpdate) -> "SnapshotIndex":
        """The index after `update`; this one stays as it is for the requests that hold it."""
        if update.full:
            keys: dict[str, KeyEntry] = {}
            by_id: dict[str, Route] = {}
            routes: dict[tuple[str, str], Route] = {}
        else:
            keys, by_id, routes = dict(self.keys), dict(self.by_id), dict(self.routes)
        for kind, id in update.deletes:
            if kind == "key":
                keys.pop(id, None)
            else:
                _remove(id, by_id, routes)
        for entry in update.puts:
            if isinstance(entry, KeyEntry):
                keys[entry.id] = entry
            else:
                _remove(entry.id, by_id, routes)
                route = Route(entry)
                by_id[entry.id] = route
                routes[entry.tenant, entry.name] = route
        return SnapshotIndex(update.revision, update.pepper if update.full else self.pepper, keys, by_id, routes)

    def tenant_entries(self, tenant: str) -> list[DeploymentEntry]:
        """All deployments of one tenant."""
        return [route.entry for route in self.by_id.values() if route.entry.tenant == tenant]


def _remove(id: str, by_id: dict[str, Route], routes: dict[tuple[str, str], Route]) -> None:
    route = by_id.pop(id, None)
    if route is None:
        return
    name = (route.entry.tenant, route.entry.name)
    if routes.get(name) is route:  # the name may belong to another deployment by now
        del routes[name]
