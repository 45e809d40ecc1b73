"""The ports of deployments: the repository, the catalogue of models, and the health probe of a model server."""

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
        """The live deployment of that name; deleted ones are not found."""
        ...

    async def deployment_by_id(self, tenant: str, id: str) -> Deployment | None: ...

    async def deployments(self, tenant: str, page: PageRequest, model: str | None = None) -> Page[Deployment]:
        """Live deployments by name."""
        ...

    async def of_model(self, tenant: str, model: str) -> list[Deployment]:
        """Live deployments that serve this model."""
        ...

    async def active_ids(self) -> list[str]:
        """Ids of all active deployments, in order. Active, in all tenants, is every live one, and deleted ones that
        still have a route or a replica that has not ended."""
        ...

    async def active(self, among: Collection[str] | None = None) -> list[Deployment]:
        """Active deployments by id: all, or those whose ids are `among` these."""
        ...

    async def add_deployment(self, deployment: Deployment) -> None: ...
    async def save_deployment(self, deployment: Deployment) -> Deployment: ...

    async def add_revision(self, revision: DeploymentRevision) -> None: ...
    async def revision(self, deployment: str, number: int) -> DeploymentRevision | None: ...
    async def revisions(self, deployment: str, page: PageRequest) -> Page[DeploymentRevision]:
        """Revisions of a deployment, newest first."""
        ...

    async def latest_revisions(self, among: Collection[str] | None = None) -> dict[str, DeploymentRevision]:
        """The newest revision of every active deployment, or of those `among` these, by its id."""
        ...

    async def previous_revision(self, deployment: str, versions: tuple[int, ...]) -> DeploymentRevision | None:
        """The newest revision that meant other versions than `versions`."""
        ...

    async def route(self, deployment: str) -> TrafficRoute | None: ...
    async def routes(self, among: Collection[str] | None = None) -> dict[str, TrafficRoute]:
        """The route of every active deployment, or of those `among` these, by its id."""
        ...

    async def add_route(self, route: TrafficRoute) -> None: ...
    async def save_route(self, route: TrafficRoute) -> TrafficRoute: ...

    async def replica(self, id: str) -> Replica | None: ...
    async def replicas(self, deployment: str) -> list[Replica]:
        """A deployment's replicas in order of birth, ended ones as far as they are remembered."""
        ...

    async def all_replicas(self, among: Collection[str] | None = None) -> list[Replica]:
        """Replicas of all active deployments, or of those `among` these, in order of birth."""
        ...

    async def replicas_at_work(self, workloads: Collection[str]) -> list[Replica]:
        """Replicas that have not ended, and those of these ids, in order of birth."""
        ...

    async def replica_ids(self, tenant: str) -> list[str]:
        """Ids of all remembered replicas, of ended deployments too."""
        ...

    async def add_replica(self, replica: Replica) -> None: ...
    async def save_replica(self, replica: Replica) -> Replica: ...
    async def forget_replicas(self, ids: list[str]) -> None:
        """Deletes the rows of ended replicas."""
        ...


class Catalog(Protocol):
    """The models that may be served: the models feature, as far as deployments use it."""

    async def aliases(self, tenant: str, model: str) -> dict[str, int]:
        """Version numbers by alias. Raises NotFound for an unknown or deleted model."""
        ...

    async def version(self, tenant: str, model: str, number: int) -> Version:
        """The version in any state, deleted ones too. Raises NotFound for one that never was."""
        ...

    async def gates(self, tenant: str, model: str, number: int) -> list[GateStanding]:
        """The standing of a version with each gate of its model."""
        ...


class Known(Protocol):
    """The part of `Catalog` that routing needs, as it was at one moment."""

    async def aliases(self, tenant: str, model: str) -> dict[str, int]: ...
    async def version(self, tenant: str, model: str, number: int) -> Version | VersionFacts: ...


class BulkCatalog(Catalog, Protocol):
    """A `Catalog` that looks up many models at once."""

    async def known(self, models: Mapping[str, Collection[str]]) -> Known:
        """The present aliases and versions of these models, given as names by tenant."""
        ...


class ReplicaProbe(Protocol):
    """The health probe of model servers."""

    async def status(self, replica: str, address: str) -> ServableStatus | None:
        """The status that the model server of `replica` at `address` reports; None when it does not answer."""
        ...

    def let_go(self, replica: str) -> None:
        """Closes what is kept open for probing the replica."""
        ...


ExitReason = Callable[[str], Awaitable[str]]
"""(workload) -> the last line its process wrote, empty when there is none: the reason of an unexplained end."""


async def no_exit_reason(_workload: str) -> str:
    """A source of exit reasons where nothing is kept of what processes write."""
    return ""
