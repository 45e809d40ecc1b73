"""Use cases that show deployments: reads what is known of one and describes it (`status`)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import msgspec
from msgspec import structs

from bms.control.deployments.ports import BulkCatalog, DeploymentsTx
from bms.control.deployments.resolving import resolve
from bms.control.deployments.rows import in_parts
from bms.control.deployments.views.health_reports import ReportsOf
from bms.control.deployments.views.status import DeploymentStatus, ListedDeployment, view
from bms.control.platform.transactions import Store
from bms.core.clock import Clock
from bms.core.errors import NotFound
from bms.core.pages import Page, PageRequest

Preparing = Callable[[], Mapping[str, str]]
"""By replica, what is being done for it before its process can start, in the words of whoever does it."""


Applied = Callable[[], Awaitable[bool]]
"""Whether every gateway routes by all that is committed: who reads "serving" may call at once."""


async def no_gateways() -> bool:
    """A wait for gateways where there are none."""
    return True


class DeploymentViews:
    """Shows deployments with their state."""

    def __init__(
        self,
        store: Store[DeploymentsTx],
        catalog: BulkCatalog,
        clock: Clock,
        reports: ReportsOf,
        applied: Applied = no_gateways,
        preparing: Preparing = dict,
        looked: Callable[[], bool] = lambda: True,
    ) -> None:
        """`looked` returns whether the cluster was observed: right after a start, rows describe what ran before."""
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._reports = reports
        self._applied = applied
        self._preparing = preparing
        self._looked = looked

    async def applied(self) -> bool:
        """Whether every gateway routes by all that is committed; waits a moment for them."""
        return await self._applied()

    async def page(self, tenant: str, page: PageRequest, model: str | None = None) -> Page[ListedDeployment]:
        """Deployments by name. Does not wait until gateways are up to date."""
        looked = self._looked()
        async with self._store.read() as tx:
            found = await tx.deployments(tenant, page, model)
        states = {id: seen async for id, seen in self._statuses([each.id for each in found.items], looked)}
        items = [
            ListedDeployment(**structs.asdict(each), state=states[each.id].state, message=states[each.id].message)
            for each in found.items
            if each.id in states  # else it was deleted meanwhile
        ]
        return Page(items=items, next=found.next)

    async def _statuses(self, ids: Sequence[str], looked: bool) -> AsyncIterator[tuple[str, DeploymentStatus]]:
        building, now = self._preparing(), self._clock.now()
        async for _, rows, known in in_parts(self._store, self._catalog, ids):
            for each in rows:
                desired = await resolve(each.deployment, each.revision, known)
                seen = view(each.deployment, desired, each.route, each.replicas, {}, now, building)
                yield each.deployment.id, seen if looked else _unobserved(seen)

    async def status(self, tenant: str, name: str) -> DeploymentStatus:
        """The status of one deployment. Raises NotFound."""
        looked = self._looked()
        async with self._store.read() as tx:
            deployment = await tx.deployment(tenant, name)
            if deployment is None:
                raise NotFound(f"no deployment {name!r} in this tenant: list them with `bms deployment list`")
            revision = await tx.revision(deployment.id, deployment.revision)
            route = await tx.route(deployment.id)
            replicas = await tx.replicas(deployment.id)
        assert revision is not None, "made with the deployment"
        assert route is not None, "made with the deployment"
        desired = await resolve(deployment, revision, self._catalog)
        building = self._preparing()
        reports = await self._reports(replicas)
        seen = view(deployment, desired, route, replicas, reports, self._clock.now(), building)
        if not looked:
            return _unobserved(seen)
        if seen.state == "serving" and not await self._applied():
            return msgspec.structs.replace(seen, state="rolling", message=f"{seen.message}; gateways are being told")
        return seen


def _unobserved(seen: DeploymentStatus) -> DeploymentStatus:
    """The observation before the cluster was observed: no replica is said to answer."""
    if seen.state not in ("serving", "rolling", "degraded"):
        return seen
    return structs.replace(seen, state="rolling", message="the platform begins: looking what runs")
