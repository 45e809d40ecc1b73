"""All active deployments as they are written down, read at one moment."""

import msgspec

from bms.control.deployments.nouns import Deployment, DeploymentRevision, Replica, Route
from bms.control.deployments.ports import DeploymentsTx


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment, its newest revision, its route, and its replicas in order of birth."""

    deployment: Deployment
    revision: DeploymentRevision
    route: Route
    replicas: tuple[Replica, ...]


async def read_active(tx: DeploymentsTx) -> list[Rows]:
    deployments, revisions, routes = await tx.active(), await tx.latest_revisions(), await tx.routes()
    replicas: dict[str, list[Replica]] = {}
    for replica in await tx.all_replicas():
        replicas.setdefault(replica.deployment, []).append(replica)
    return [
        Rows(
            deployment=deployment,
            revision=revisions[deployment.id],
            route=routes[deployment.id],
            replicas=tuple(replicas.get(deployment.id, ())),
        )
        for deployment in deployments
    ]
