"""Reads active deployments in batches: their rows at one moment, then their models."""

from collections.abc import AsyncIterator, Collection, Sequence

import msgspec

from bms.control.deployments.nouns import Deployment, DeploymentRevision, Replica, TrafficRoute
from bms.control.deployments.ports import BulkCatalog, DeploymentsTx, Known
from bms.control.platform.transactions import Store

AT_ONCE = 50  # deployments: enough to make queries cheap, few enough that nobody else waits for long


class DeploymentRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one deployment: its newest revision, its route, and its replicas in order of birth."""

    deployment: Deployment
    revision: DeploymentRevision
    route: TrafficRoute
    replicas: tuple[Replica, ...]


async def read_active(tx: DeploymentsTx, among: Collection[str]) -> list[DeploymentRows]:
    """The rows of the active deployments among these ids."""
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
    """Reads `ids` in batches: the rows of active ones, and the aliases and versions of their models.

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
