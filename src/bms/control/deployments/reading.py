"""Active deployments as they are written down, some at a time: read at one moment, then what their models mean."""

from collections.abc import AsyncIterator, Collection, Sequence

import msgspec

from bms.control.deployments.nouns import Deployment, DeploymentRevision, Replica, TrafficRoute
from bms.control.deployments.ports import BulkCatalog, DeploymentsTx, Known
from bms.control.platform.transactions import Store

AT_ONCE = 50  # deployments: enough to make queries cheap, few enough that nobody else waits for long


class DeploymentRows(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment, its newest revision, its route, and its replicas in order of birth."""

    deployment: Deployment
    revision: DeploymentRevision
    route: TrafficRoute
    replicas: tuple[Replica, ...]


async def read_active(tx: DeploymentsTx, among: Collection[str]) -> list[DeploymentRows]:
    """The active ones of these ids."""
    deployments, revisions = await tx.active(among), await tx.latest_revisions(among)
    routes = await tx.routes(among)
    replicas: dict[str, list[Replica]] = {}
    for replica in await tx.all_replicas(among):
        replicas.setdefault(replica.deployment, []).append(replica)
    return [
        DeploymentRows(
            deployment=deployment,
            revision=revisions[deployment.id],
            route=routes[deployment.id],
            replicas=tuple(replicas.get(deployment.id, ())),
        )
        for deployment in deployments
    ]


async def in_parts(
    store: Store[DeploymentsTx], catalog: BulkCatalog, ids: Sequence[str]
) -> AsyncIterator[tuple[Sequence[str], list[DeploymentRows], Known]]:
    """A few of `ids` at a time, with their rows, if active, and what their models are known to be.

    Models are read after the rows: an alias older than a row must not look like a move back.
    """
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        async with store.read() as tx:
            rows = await read_active(tx, some)
        models: dict[str, set[str]] = {}
        for each in rows:
            models.setdefault(each.deployment.tenant, set()).add(each.deployment.spec.model)
        yield some, rows, await catalog.known(models)
