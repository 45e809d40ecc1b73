"""Describes how a deployment is doing, for people: what answers now, what is on its way, and what went wrong."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from bms.control.deployments.nouns import Deployment, Replica, ReplicaState, TrafficRoute
from bms.control.deployments.planning.observed_state import Desired
from bms.control.deployments.planning.retries import retry_at
from bms.control.deployments.planning.routing import led_by
from bms.core.workloads.programs import ServableStatus

BUILDING = "building its environment: "
DeploymentState = Literal["starting", "serving", "rolling", "degraded", "failing", "stopped", "deleted"]


class ReplicaView(msgspec.Struct, frozen=True, kw_only=True):
    """One replica as people see it. Counts are since its start, as its model server last reported; `memory` in resident
    bytes."""

    id: str
    version: int
    state: ReplicaState
    created_at: datetime
    ready_at: datetime | None
    reason: str
    answering: bool
    requests: int = 0
    errors: int = 0
    in_flight: int = 0
    memory: int = 0


class TrafficView(msgspec.Struct, frozen=True, kw_only=True):
    """One version that has traffic. `weight` is its share of requests that name no version, in percent."""

    version: int
    weight: int
    aliases: tuple[str, ...]
    ready: int


class DeploymentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of a deployment. `path` is where predictions are sent; `requests` counts what the replicas shown have
    answered."""

    name: str
    model: str
    state: DeploymentState
    message: str
    path: str
    serving_since: datetime | None
    requests: int
    traffic: tuple[TrafficView, ...]
    replicas: tuple[ReplicaView, ...]
    revision: int


class ListedDeployment(Deployment, frozen=True, kw_only=True):
    """A deployment in a list of them: with how it is doing."""

    state: DeploymentState
    message: str


def view(
    deployment: Deployment,
    desired: Desired,
    route: TrafficRoute,
    replicas: Sequence[Replica],
    status: Mapping[str, ServableStatus],
    now: datetime,
    building: Mapping[str, str] | None = None,
) -> DeploymentStatus:
    """The deployment's state in one word and one sentence, with the evidence. `status` is that of model servers by
    replica; `building`, by replica, the last line of the build of its environment."""
    replicas = [_with_build(replica, building or {}) for replica in replicas]
    live = [replica for replica in replicas if replica.state in ("starting", "ready", "draining")]
    failed = [replica for replica in replicas if replica.state == "failed"][-3:]
    shown = [_replica(replica, status.get(replica.id)) for replica in [*live, *failed]]
    traffic = tuple(
        TrafficView(
            version=share.version,
            weight=share.weight,
            aliases=led_by(share, desired),
            ready=_ready(replicas, share.version),
        )
        for share in route.shares
    )
    state, message = _judge(desired, route, replicas, traffic, now)
    return DeploymentStatus(
        name=deployment.name,
        model=deployment.spec.model,
        state=state,
        message=message,
        path=f"/v1/models/{deployment.name}:predict",
        serving_since=route.since if any(one.ready for one in traffic) else None,
        requests=sum(replica.requests for replica in shown),
        traffic=traffic,
        replicas=tuple(shown),
        revision=deployment.revision,
    )


def _judge(
    desired: Desired,
    route: TrafficRoute,
    replicas: Sequence[Replica],
    traffic: tuple[TrafficView, ...],
    now: datetime,
) -> tuple[DeploymentState, str]:
    if desired.deleted:
        return "deleted", "deleted; its replicas finish what they are doing"
    if desired.stopped:
        return "stopped", "stopped; it keeps its name, and serves again once it is started"
    answering = [one for one in traffic if one.ready]
    waiting = _waiting(desired, route, replicas, now)
    if not answering:
        failing = _any_failed(desired, replicas) and not _replaced(desired, replicas)
        return ("failing" if failing else "starting"), waiting or "nothing is ready yet"
    who = " and ".join(f"version {one.version}" for one in answering)
    if waiting:
        state: DeploymentState = "degraded" if _any_failed(desired, replicas) else "rolling"
        return state, f"{who} {'answer' if len(answering) > 1 else 'answers'}; {waiting}"
    short = [one for one in traffic if one.ready < desired.replicas]
    if short:
        one = short[0]
        state = "degraded" if _any_failed(desired, replicas) else "rolling"  # short of what never failed: on its way
        return state, f"version {one.version} has {one.ready} of {desired.replicas} replicas ready"
    return "serving", f"{who} {'answer' if len(answering) > 1 else 'answers'}"


def _waiting(desired: Desired, route: TrafficRoute, replicas: Sequence[Replica], now: datetime) -> str:
    """The sentence about what is still missing; empty when nothing is."""
    words: list[str] = []
    for target in desired.targets:
        if target.version is None:
            words.append(f"alias {target.alias!r} points to no version")
        elif target.version not in route.versions:
            words.append(_progress(target.version, desired, replicas, now))
    return "; ".join(dict.fromkeys(words))


def _progress(version: int, desired: Desired, replicas: Sequence[Replica], now: datetime) -> str:
    ready = _ready(replicas, version)
    starting = any(replica.version == version and replica.state == "starting" for replica in replicas)
    last = _last_failure(desired, version, replicas)
    building = _build(version, replicas)
    if problem := desired.problems.get(version):
        return f"version {version} can't be started: {problem}"
    if last is None or (starting and last.restarts == 0):
        return f"version {version} is {building or 'starting'} ({ready} of {desired.replicas} replicas ready)"
    wait = (retry_at(last) - now).total_seconds()
    again = building or ("trying again now" if starting or wait <= 0 else f"next try in {wait:.0f} s")
    return f"version {version} failed: {last.reason}; {again}"


def _with_build(replica: Replica, building: Mapping[str, str]) -> Replica:
    """A starting replica's view with what it waits for."""
    if replica.state != "starting" or replica.id not in building:
        return replica
    return msgspec.structs.replace(replica, reason=BUILDING + building[replica.id])


def _build(version: int, replicas: Sequence[Replica]) -> str:
    """The line of the environment build that this version waits for; empty when there is none."""
    starting = [one for one in replicas if one.version == version and one.state == "starting"]
    return next((one.reason for one in starting if one.reason.startswith(BUILDING)), "")


def _last_failure(desired: Desired, version: int, replicas: Sequence[Replica]) -> Replica | None:
    failed = [
        one for one in replicas if one.version == version and one.state == "failed" and one.created_at >= desired.since
    ]
    return failed[-1] if failed else None


def _any_failed(desired: Desired, replicas: Sequence[Replica]) -> bool:
    return bool(
        any(target.version is None for target in desired.targets)
        or desired.problems
        or any(_last_failure(desired, version, replicas) for version in desired.versions)
    )


def _replaced(desired: Desired, replicas: Sequence[Replica]) -> bool:
    """Whether all that failed is replicas that had served, such as before a restart, whose next ones start already."""
    starting = {replica.version for replica in replicas if replica.state == "starting"}
    failures = [one for version in desired.versions if (one := _last_failure(desired, version, replicas))]
    return bool(failures) and all(one.ready_at is not None and one.version in starting for one in failures)


def _ready(replicas: Sequence[Replica], version: int) -> int:
    return sum(replica.version == version and replica.state == "ready" for replica in replicas)


def _replica(replica: Replica, status: ServableStatus | None) -> ReplicaView:
    plain = ReplicaView(
        id=replica.id,
        version=replica.version,
        state=replica.state,
        created_at=replica.created_at,
        ready_at=replica.ready_at,
        reason=replica.reason,
        answering=status is not None and status.state == "AVAILABLE",
    )
    if status is None:
        return plain
    return msgspec.structs.replace(
        plain, requests=status.requests, errors=status.errors, in_flight=status.in_flight, memory=status.memory
    )
