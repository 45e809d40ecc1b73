"""Deployment endpoints."""

from bms.api_types.deployments import (
    CreateDeployment,
    Deploy,
    Deployment,
    DeploymentRevision,
    DeploymentStatus,
    ListedDeployment,
    Rollback,
)
from bms.api_types.pages import Page
from bms.control.deployments.nouns import DeploymentSpec, Target
from bms.control.deployments.service import DeploymentService
from bms.control.deployments.views.service import DeploymentViews
from bms.core.errors import InvalidArgument
from bms.core.workloads.programs import Batching
from bms.core.workloads.resources import Resources
from bms.web.api.as_noun import as_noun
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.views import deployments as view
from bms.web.api.views.pages import page

DEFAULT_ALIAS = "production"


class DeploymentListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters of a listing of deployments."""

    model: str | None = None


def endpoints(service: DeploymentService, views: DeploymentViews) -> list[Endpoint]:
    async def create(call: ApiCall[CreateDeployment]) -> Deployment:
        body = call.body
        return view.deployment(await service.create(call.principal, body.name, _spec(body), force=body.force))

    async def deployments(call: ApiCall[None]) -> Page[ListedDeployment]:
        return page(await views.page(call.principal.tenant, listing(call), call.query.model), view.listed)

    async def deployment(call: ApiCall[None]) -> Deployment:
        return view.deployment(await service.get(call.principal.tenant, call.path["deployment"]))

    async def deploy(call: ApiCall[Deploy]) -> Deployment:
        name, body = call.path["deployment"], call.body
        deployed = await service.deploy(call.principal, name, _spec(body), call.if_match, force=body.force)
        return view.deployment(deployed)

    async def delete(call: ApiCall[None]) -> Deployment:
        return view.deployment(await service.delete(call.principal, call.path["deployment"], call.if_match))

    async def rollback(call: ApiCall[Rollback]) -> Deployment:
        name, to = call.path["deployment"], call.body.to
        return view.deployment(await service.rollback(call.principal, name, to, call.if_match))

    async def stop(call: ApiCall[None]) -> Deployment:
        return view.deployment(await service.stop(call.principal, call.path["deployment"], call.if_match))

    async def start(call: ApiCall[None]) -> Deployment:
        return view.deployment(await service.start(call.principal, call.path["deployment"], call.if_match))

    async def revisions(call: ApiCall[None]) -> Page[DeploymentRevision]:
        name = call.path["deployment"]
        return page(await service.revisions(call.principal.tenant, name, listing(call)), view.revision)

    async def status(call: ApiCall[None]) -> DeploymentStatus:
        return view.status(await views.status(call.principal.tenant, call.path["deployment"]))

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


def _spec(body: Deploy) -> DeploymentSpec:
    """Builds the spec of a deployment. Raises InvalidArgument for a contradiction, and for what is out of range."""
    return DeploymentSpec(
        model=body.model,
        targets=_targets(body),
        replicas=body.replicas,
        resources=as_noun(body.resources, Resources, "resources"),
        batching=as_noun(body.batching, Batching, "batching"),
        share_weights=body.share_weights,
        max_in_flight=body.max_in_flight,
        timeout_s=body.timeout_s,
        dialect=body.dialect,
        drain_s=body.drain_s,
        keep_previous_s=body.keep_previous_s,
        start_timeout_s=body.start_timeout_s,
        stopped=body.stopped,
    )


def _targets(body: Deploy) -> tuple[Target, ...]:
    if sum(one is not None for one in (body.alias, body.version, body.targets)) > 1:
        raise InvalidArgument("say `alias`, `version` or `targets`, only one of them")
    if body.targets is not None:
        return as_noun(body.targets, tuple[Target, ...], "targets")
    followed = DEFAULT_ALIAS if body.alias is None and body.version is None else body.alias
    return (Target(alias=followed, version=body.version),)
