"""Deployments over HTTP."""

import msgspec

from bms.control.deployments.nouns import Deployment, DeploymentRevision, DeploymentSpec, Target
from bms.control.deployments.service import DeploymentService
from bms.control.deployments.status import DeploymentStatus, ListedDeployment
from bms.control.deployments.views import DeploymentViews
from bms.core.errors import InvalidArgument
from bms.core.pages import Page
from bms.core.programs import Batching
from bms.core.resources import Resources
from bms.core.snapshot import V1Dialect
from bms.web.api.endpoint import Call, Endpoint, Listing, listing

DEFAULT_ALIAS = "production"


class Deploy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to serve. Say at most one of `alias`, `version` and `targets`; by default the alias `production` is
    followed. `force` passes over the model's gates; admins and owners only. The rest has the defaults of a deployment's
    spec.
    """

    model: str
    alias: str | None = None
    version: int | None = None
    targets: tuple[Target, ...] | None = None
    replicas: int = 1
    resources: Resources = Resources()
    batching: Batching = Batching()
    share_weights: bool = True
    max_in_flight: int = 256
    timeout_s: float = 30.0
    dialect: V1Dialect = "tfserving"
    drain_s: float = 10.0
    keep_previous_s: float = 30.0
    start_timeout_s: float = 120.0
    stopped: bool = False
    force: bool = False

    @property
    def spec(self) -> DeploymentSpec:
        """Raises InvalidArgument for a contradiction."""
        if sum(one is not None for one in (self.alias, self.version, self.targets)) > 1:
            raise InvalidArgument("say `alias`, `version` or `targets`, only one of them")
        targets = self.targets
        if targets is None:
            followed = DEFAULT_ALIAS if self.alias is None and self.version is None else self.alias
            targets = (Target(alias=followed, version=self.version),)
        rest = {name: getattr(self, name) for name in DeploymentSpec.__struct_fields__ if name != "targets"}
        return DeploymentSpec(targets=targets, **rest)


class CreateDeployment(Deploy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str


class Rollback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The revision to return `to`; by default the newest that meant other versions than now."""

    to: int | None = None


class DeploymentListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: str | None = None


def endpoints(service: DeploymentService, views: DeploymentViews) -> list[Endpoint]:
    async def create(call: Call[CreateDeployment]) -> Deployment:
        return await service.create(call.principal, call.body.name, call.body.spec, force=call.body.force)

    async def deployments(call: Call[None]) -> Page[ListedDeployment]:
        return await views.page(call.principal.tenant, listing(call), call.query.model)

    async def deployment(call: Call[None]) -> Deployment:
        return await service.get(call.principal.tenant, call.path["deployment"])

    async def deploy(call: Call[Deploy]) -> Deployment:
        name, body = call.path["deployment"], call.body
        return await service.deploy(call.principal, name, body.spec, call.if_match, force=body.force)

    async def delete(call: Call[None]) -> Deployment:
        return await service.delete(call.principal, call.path["deployment"], call.if_match)

    async def rollback(call: Call[Rollback]) -> Deployment:
        return await service.rollback(call.principal, call.path["deployment"], call.body.to, call.if_match)

    async def stop(call: Call[None]) -> Deployment:
        return await service.stop(call.principal, call.path["deployment"], call.if_match)

    async def start(call: Call[None]) -> Deployment:
        return await service.start(call.principal, call.path["deployment"], call.if_match)

    async def revisions(call: Call[None]) -> Page[DeploymentRevision]:
        return await service.revisions(call.principal.tenant, call.path["deployment"], listing(call))

    async def status(call: Call[None]) -> DeploymentStatus:
        return await views.status(call.principal.tenant, call.path["deployment"])

    listed = Page[ListedDeployment]
    read, write, one = "deployments:read", "deployments:write", "/deployments/{deployment}"
    return [
        Endpoint(
            "POST",
            "/deployments",
            write,
            create,
            "Serve a model under a name",
            Deployment,
            CreateDeployment,
            status=201,
        ),
        Endpoint("GET", "/deployments", read, deployments, "List deployments", listed, query=DeploymentListing),
        Endpoint("GET", one, read, deployment, "One deployment", Deployment),
        Endpoint("PUT", one, write, deploy, "Make a deployment, or change it to this", Deployment, Deploy),
        Endpoint("DELETE", one, write, delete, "End a deployment", Deployment),
        Endpoint("POST", f"{one}/rollback", write, rollback, "Serve an earlier revision again", Deployment, Rollback),
        Endpoint("POST", f"{one}/stop", write, stop, "Run nothing for it, and keep its name and settings", Deployment),
        Endpoint("POST", f"{one}/start", write, start, "Serve again what was stopped", Deployment),
        Endpoint(
            "GET", f"{one}/revisions", read, revisions, "What it served before", Page[DeploymentRevision], query=Listing
        ),
        Endpoint("GET", f"{one}/status", read, status, "How it is doing", DeploymentStatus),
    ]
