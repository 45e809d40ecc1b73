"""Follows aliases: when one that a target names moves, the deployment gets a new revision like any other."""

from datetime import datetime

import msgspec

from bms.control.deployments.events import DeploymentChanged
from bms.control.deployments.nouns import Deployment, DeploymentRevision
from bms.control.deployments.planning.observed_state import Desired
from bms.control.deployments.ports import DeploymentsTx
from bms.core.events import Event


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """The deployment with its new revision."""

    deployment: Deployment
    revision: DeploymentRevision

    async def record(self, tx: DeploymentsTx) -> None:
        """Saves the new revision. Raises Aborted when the owner changed the deployment in the same moment."""
        await tx.save_deployment(self.deployment)
        await tx.add_revision(self.revision)
        versions = ", ".join(map(str, self.revision.versions))
        await tx.emit(
            Event(
                payload=DeploymentChanged(id=self.deployment.id, versions=versions, cause=self.revision.cause),
                tenant=self.deployment.tenant,
                subject=self.deployment.name,
                actor="system",
                at=self.revision.at,
            )
        )


def follow(deployment: Deployment, latest: DeploymentRevision, desired: Desired, now: datetime) -> Followed | None:
    """The revision to write when targets mean other versions than in the latest one; None when they do not, or when an
    alias points nowhere, which is not something to serve or to return to."""
    numbers = tuple(target.version for target in desired.targets if target.version is not None)
    if deployment.deleted or len(numbers) != len(desired.targets) or numbers == latest.versions:
        return None
    moved = [
        f"alias {target.alias} moved to {number}"
        for target, number, before in zip(desired.targets, numbers, latest.versions, strict=True)
        if number != before
    ]
    number = deployment.revision + 1
    return Followed(
        deployment=deployment,
        revision=DeploymentRevision(
            deployment=deployment.id,
            number=number,
            spec=deployment.spec,
            versions=numbers,
            cause=", ".join(moved),
            at=now,
            by="system",
        ),
    )
