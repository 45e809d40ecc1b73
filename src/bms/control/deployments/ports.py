"""What deployments need: their rows, the models they serve, and the word of a model server."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from bms.control.deployments.nouns import Deployment, DeploymentRevision, Replica, TrafficRoute
from bms.control.models.nouns import GateStanding, Version, VersionFacts
from bms.control.platform.allotments import AllotmentSink
from bms.control.platform.transactions import Fenced
from bms.core.events import EventSink
from bms.core.pages import Page, PageRequest
from bms.core.workloads.programs import ServableStatus


class DeploymentsTx(EventSink, AllotmentSink, Fenced, Protocol):
    """Repository of deployments, their revisions, routes and replicas inside one transaction.

    `add_*` raises AlreadyExists for a name in use; `save_*` writes the noun with its revision raised by one and
    raises Aborted when the stored revision is not the noun's.
    """

    async def deployment(self, tenant: str, name: str) -> Deployment | None:
        """The live one of that name; deleted ones are not found."""
        ...

    async def deployment_by_id(self, tenant: str, id: str) -> Deployment | None: ...

    async def deployments(self, tenant: str, page: PageRequest, model: str | None = None) -> Page[Deployment]:
        """Live ones by name."""
        ...

    async def of_model(self, tenant: str, model: str) -> list[Deployment]:
        """Live ones that serve this model."""
        ...

    async def active_ids(self) -> list[str]:
        """Of every active deployment, in order. Active, in all tenants, is every live one, and deleted ones that still
        have a route or a replica that has not ended."""
        ...

    async def active(self, among: Collection[str] | None = None) -> list[Deployment]:
        """Every active one by id, or those whose ids are `among` these."""
        ...

    async def add_deployment(self, deployment: Deployment) -> None: ...
    async def save_deployment(self, deployment: Deployment) -> Deployment: ...

    async def add_revision(self, revision: DeploymentRevision) -> None: ...
    async def revision(self, deployment: str, number: int) -> DeploymentRevision | None: ...
    async def revisions(self, deployment: str, page: PageRequest) -> Page[DeploymentRevision]:
        """Newest first."""
        ...

    async def latest_revisions(self, among: Collection[str] | None = None) -> dict[str, DeploymentRevision]:
        """The newest of every active deployment, or of those `among` these, by its id."""
        ...

    async def previous_revision(self, deployment: str, versions: tuple[int, ...]) -> DeploymentRevision | None:
        """The newest that meant other versions than `versions`."""
        ...

    async def route(self, deployment: str) -> TrafficRoute | None: ...
    async def routes(self, among: Collection[str] | None = None) -> dict[str, TrafficRoute]:
        """Of every active deployment, or of those `among` these, by its id."""
        ...

    async def add_route(self, route: TrafficRoute) -> None: ...
    async def save_route(self, route: TrafficRoute) -> TrafficRoute: ...

    async def replica(self, id: str) -> Replica | None: ...
    async def replicas(self, deployment: str) -> list[Replica]:
        """In order of birth, ended ones as far as they are remembered."""
        ...

    async def all_replicas(self, among: Collection[str] | None = None) -> list[Replica]:
        """Of all active deployments, or of those `among` these, in order of birth."""
        ...

    async def replicas_at_work(self, workloads: Collection[str]) -> list[Replica]:
        """Those that have not ended, and those of these ids, in order of birth."""
        ...

    async def replica_ids(self, tenant: str) -> list[str]:
        """Of all that are remembered, of ended deployments too."""
        ...

    async def add_replica(self, replica: Replica) -> None: ...
    async def save_replica(self, replica: Replica) -> Replica: ...
    async def forget_replicas(self, ids: list[str]) -> None:
        """Deletes ended ones."""
        ...


class Catalog(Protocol):
    """What may be served: the models feature, as far as deployments look at it."""

    async def aliases(self, tenant: str, model: str) -> dict[str, int]:
        """Version number by alias. Raises NotFound for an unknown or deleted model."""
        ...

    async def version(self, tenant: str, model: str, number: int) -> Version:
        """In any state, deleted ones too. Raises NotFound for one that never was."""
        ...

    async def gates(self, tenant: str, model: str, number: int) -> list[GateStanding]:
        """How a version stands with each gate of its model."""
        ...


class Known(Protocol):
    """`Catalog` as far as routing looks at it, as it was at one moment."""

    async def aliases(self, tenant: str, model: str) -> dict[str, int]: ...
    async def version(self, tenant: str, model: str, number: int) -> Version | VersionFacts: ...


class BulkCatalog(Catalog, Protocol):
    """A `Catalog` that can be asked about many models at once."""

    async def known(self, models: Mapping[str, Collection[str]]) -> Known:
        """Of these models, given as names by tenant, what holds now."""
        ...


class ReplicaProbe(Protocol):
    async def status(self, replica: str, address: str) -> ServableStatus | None:
        """What the model server of `replica` at `address` says of itself; None when it does not answer."""
        ...

    def let_go(self, replica: str) -> None:
        """It will not be asked again soon: nothing need be kept for that."""
        ...


LastWords = Callable[[str], Awaitable[str]]
"""(workload) -> the last line its process wrote, empty when there is none: the reason of an unexplained end."""


async def no_words(_workload: str) -> str:
    """Where nothing is kept of what processes write."""
    return ""
