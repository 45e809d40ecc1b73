"""What events say may have changed, so that nobody has to read everything again after one of them."""

import logging
from collections.abc import Iterable

import msgspec

from bms.control.deployments import events as of_deployments
from bms.control.deployments.events import OfDeployment
from bms.control.deployments.ports import DeploymentsTx
from bms.control.models import events as of_models
from bms.control.models.events import OfGate, OfModel, OfVersion
from bms.control.tenants import events as of_tenants
from bms.control.tenants.events import OfKey, OfUser
from bms.core.event_catalogue import Catalogue, Unreadable
from bms.core.events import Event, Payload, Recorded

log = logging.getLogger("bms.deployments")
_CATALOGUE = Catalogue([of_deployments, of_models, of_tenants])
_NOUNS = frozenset(kind.EVENT.partition(".")[0] for kind in _CATALOGUE)


class Changes(msgspec.Struct, kw_only=True):
    """Ids, and models as (tenant, name). Too much is harmless, too little is not: `everything`, after an event of
    these nouns that this program can't read."""

    keys: set[str] = msgspec.field(default_factory=set)
    users: set[str] = msgspec.field(default_factory=set)
    deployments: set[str] = msgspec.field(default_factory=set)
    models: set[tuple[str, str]] = msgspec.field(default_factory=set)
    everything: bool = False

    def note(self, row: Recorded) -> None:
        """Every event of a deployment or a replica says the deployment's id; one of a version says its model."""
        if row.name.partition(".")[0] not in _NOUNS:
            return
        try:
            self._note(_CATALOGUE.read(row))
        except Unreadable as error:
            log.warning("everything is read again: %s", error.message)
            self.everything = True

    def _note(self, event: Event[Payload]) -> None:
        match event.payload:
            case OfKey():
                self.keys.add(event.subject)
            case OfUser():
                self.users.add(event.subject)
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


def changes_of(events: Iterable[Recorded]) -> Changes:
    changes = Changes()
    for event in events:
        changes.note(event)
    return changes
