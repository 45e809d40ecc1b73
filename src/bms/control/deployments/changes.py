"""Which deployments events speak of, so that nobody has to read everything again after one of them."""

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
    """Ids, and models as (tenant, name). Too much is harmless, too little is not: `everything`, after an event of
    these nouns that this program can't read. `suspected`: replicas that seem to have failed."""

    deployments: set[str] = msgspec.field(default_factory=set)
    suspected: set[str] = msgspec.field(default_factory=set)
    models: set[tuple[str, str]] = msgspec.field(default_factory=set)
    everything: bool = False

    def note(self, event: Event[Payload]) -> None:
        """Every event of a deployment or a replica says the deployment's id; one of a version says its model."""
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
        """Ids of the deployments that may mean something else now, in order."""
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
