"""Collects which deployments some events concern, so that only their rows are read again."""

import logging
from collections.abc import Iterable

import msgspec

from bms.control.deployments import events as of_deployments
from bms.control.deployments.events import OfDeployment, ReplicaSuspected
from bms.control.deployments.ports import DeploymentsTx
from bms.control.models import events as of_models
from bms.control.models.events import OfGate, OfModel, OfVersion
from bms.core.event_catalogue import Catalogue, UnreadableEvent
from bms.core.events import Event, Payload, Recorded

log = logging.getLogger("bms.deployments")
_CATALOGUE = Catalogue([of_deployments, of_models])


class ChangedDeployments(msgspec.Struct, kw_only=True):
    """The deployments that events may have changed: ids, and models as (tenant, name). Too many are harmless, too few
    are not: `everything` is set by an event of these nouns that this program can't read. `suspected`: replicas that
    seem to have failed."""

    deployments: set[str] = msgspec.field(default_factory=set)
    suspected: set[str] = msgspec.field(default_factory=set)
    models: set[tuple[str, str]] = msgspec.field(default_factory=set)
    everything: bool = False

    def note(self, event: Event[Payload]) -> None:
        """Takes in events. Every event of a deployment or a replica has the deployment's id; one of a version has its
        model."""
        match event.payload:
            case ReplicaSuspected(id=id, replica=replica):
                self.deployments.add(id)
                self.suspected.add(replica)
            case OfDeployment(id=id):
                self.deployments.add(id)
            case OfGate():
                pass  # whether a version may be served was asked when somebody wanted it
            case OfVersion(model=model):
                self.models.add((event.tenant, model))
            case OfModel():
                self.models.add((event.tenant, event.subject))

    async def affected(self, tx: DeploymentsTx) -> list[str]:
        """Ids of the deployments that may have another meaning now, in order."""
        if self.everything:
            return sorted(await tx.active_ids())
        found = set(self.deployments)
        for tenant, model in self.models:
            found |= {deployment.id for deployment in await tx.of_model(tenant, model)}
        return sorted(found)


def changes_of(events: Iterable[Recorded]) -> ChangedDeployments:
    changes = ChangedDeployments()
    try:
        for event in _CATALOGUE.read_among(events):
            changes.note(event)
    except UnreadableEvent as error:
        log.warning("every deployment is read again: %s", error.message)
        changes.everything = True
    return changes
