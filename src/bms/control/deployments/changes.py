"""What events say may have changed, so that nobody has to read everything again after one of them."""

from collections.abc import Iterable

import msgspec

from bms.control.deployments.ports import DeploymentsTx
from bms.core.events import Event

_OF_DEPLOYMENTS = ("deployment.", "replica.")
_OF_MODELS = ("alias.", "version.", "model.")


class Changes(msgspec.Struct, kw_only=True):
    """Ids, and models as (tenant, name). Too much is harmless, too little is not."""

    keys: set[str] = msgspec.field(default_factory=set)
    users: set[str] = msgspec.field(default_factory=set)
    deployments: set[str] = msgspec.field(default_factory=set)
    models: set[tuple[str, str]] = msgspec.field(default_factory=set)

    def note(self, event: Event) -> None:
        """Every event of a deployment or a replica says the deployment's id; one of a version says its model."""
        if event.name.startswith("key."):
            self.keys.add(event.subject)
        elif event.name.startswith("user."):
            self.users.add(event.subject)
        elif event.name.startswith(_OF_DEPLOYMENTS):
            self.deployments.add(str(event.details["id"]))
        elif event.name.startswith(_OF_MODELS):
            self.models.add((event.tenant, str(event.details.get("model", event.subject))))

    async def affected(self, tx: DeploymentsTx) -> list[str]:
        """Ids of the deployments that may mean something else now, in order."""
        found = set(self.deployments)
        for tenant, model in self.models:
            found |= {deployment.id for deployment in await tx.of_model(tenant, model)}
        return sorted(found)


def changes_of(events: Iterable[Event]) -> Changes:
    changes = Changes()
    for event in events:
        changes.note(event)
    return changes
