"""Converts deployments and their state into answers of the API."""

import msgspec

from bms.api_types import deployments
from bms.control.deployments.nouns import Deployment, DeploymentRevision, DeploymentSpec
from bms.control.deployments.views.status import DeploymentStatus, ListedDeployment, ReplicaView, TrafficView
from bms.core.workloads.programs import Batching
from bms.web.api.views.resources import limits


def deployment(one: Deployment) -> deployments.Deployment:
    return deployments.Deployment(
        id=one.id,
        tenant=one.tenant,
        name=one.name,
        spec=_spec(one.spec),
        created_at=one.created_at,
        created_by=one.created_by,
        deleted=one.deleted,
        revision=one.revision,
    )


def listed(one: ListedDeployment) -> deployments.ListedDeployment:
    return deployments.ListedDeployment(**msgspec.structs.asdict(deployment(one)), state=one.state, message=one.message)


def revision(one: DeploymentRevision) -> deployments.DeploymentRevision:
    return deployments.DeploymentRevision(
        deployment=one.deployment,
        number=one.number,
        spec=_spec(one.spec),
        versions=one.versions,
        cause=one.cause,
        at=one.at,
        by=one.by,
    )


def status(one: DeploymentStatus) -> deployments.DeploymentStatus:
    return deployments.DeploymentStatus(
        name=one.name,
        model=one.model,
        state=one.state,
        message=one.message,
        path=one.path,
        serving_since=one.serving_since,
        requests=one.requests,
        traffic=tuple(_traffic(each) for each in one.traffic),
        replicas=tuple(_replica(each) for each in one.replicas),
        revision=one.revision,
    )


def _spec(one: DeploymentSpec) -> deployments.DeploymentSpec:
    return deployments.DeploymentSpec(
        model=one.model,
        targets=tuple(
            deployments.Target(alias=each.alias, version=each.version, weight=each.weight) for each in one.targets
        ),
        replicas=one.replicas,
        resources=limits(one.resources),
        batching=_batching(one.batching),
        share_weights=one.share_weights,
        max_in_flight=one.max_in_flight,
        timeout_s=one.timeout_s,
        dialect=one.dialect,
        drain_s=one.drain_s,
        keep_previous_s=one.keep_previous_s,
        start_timeout_s=one.start_timeout_s,
        stopped=one.stopped,
    )


def _batching(one: Batching) -> deployments.Batching:
    return deployments.Batching(
        policy=one.policy,
        max_rows=one.max_rows,
        max_wait_s=one.max_wait_s,
        objective_s=one.objective_s,
        sizes=one.sizes,
    )


def _traffic(one: TrafficView) -> deployments.TrafficView:
    return deployments.TrafficView(version=one.version, weight=one.weight, aliases=one.aliases, ready=one.ready)


def _replica(one: ReplicaView) -> deployments.ReplicaView:
    return deployments.ReplicaView(
        id=one.id,
        version=one.version,
        state=one.state,
        created_at=one.created_at,
        ready_at=one.ready_at,
        reason=one.reason,
        answering=one.answering,
        requests=one.requests,
        errors=one.errors,
        in_flight=one.in_flight,
        memory=one.memory,
    )
