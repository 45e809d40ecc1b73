"""Finds deployments that serve a version or follow an alias: the models feature asks before it withdraws one."""

from bms.control.deployments.nouns import Deployment
from bms.control.deployments.ports import Catalog, DeploymentsTx
from bms.control.platform.transactions import Store
from bms.core.errors import NotFound

_LIVE = frozenset({"starting", "ready", "draining"})


class InUse:
    """Implements `VersionInUse` and `AliasInUse` of the models feature."""

    def __init__(self, store: Store[DeploymentsTx], catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    async def version(self, tenant: str, model: str, number: int) -> str | None:
        """A deployment that targets, routes to, or has a live replica of this version, in words; None if none."""
        try:
            aliases = await self._catalog.aliases(tenant, model)
        except NotFound:
            aliases = {}
        async with self._store.read() as tx:
            for deployment in await tx.of_model(tenant, model):
                if number in _targets(deployment, aliases) or await _served(tx, deployment, number):
                    name = deployment.name
                    return f"deployment {name!r} (`bms deployment delete {name}` removes it)"
        return None

    async def alias(self, tenant: str, model: str, alias: str) -> str | None:
        """A deployment that follows this alias, in words; None if none."""
        async with self._store.read() as tx:
            for deployment in await tx.of_model(tenant, model):
                if any(target.alias == alias for target in deployment.spec.targets):
                    return f"deployment {deployment.name!r}"
        return None


def _targets(deployment: Deployment, aliases: dict[str, int]) -> set[int | None]:
    return {target.version if target.alias is None else aliases.get(target.alias) for target in deployment.spec.targets}


async def _served(tx: DeploymentsTx, deployment: Deployment, number: int) -> bool:
    route = await tx.route(deployment.id)
    if route is not None and number in route.versions:
        return True
    replicas = await tx.replicas(deployment.id)
    return any(replica.version == number and replica.state in _LIVE for replica in replicas)
