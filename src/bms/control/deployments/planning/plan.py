"""Plans what to do next for one deployment. Pure and idempotent: once carried out, the same plan comes back empty.

- A version with traffic, or that is to have it, is kept at the wanted number of replicas; a dead one is replaced.
- A version that lost its traffic stays loaded for a while; everything else drains, then stops.
- Replicas of an older build of a version (other resources, other batching) go when the new build is at strength.
- Nothing is stopped because it could not be seen: without an observation of the cluster nothing counts as gone.
"""

from collections.abc import Set
from datetime import datetime

from bms.control.deployments.nouns import Replica, TrafficRoute
from bms.control.deployments.planning.actions import (
    Action,
    Drain,
    EndWorkload,
    ForgetWorkload,
    Launch,
    MarkFailed,
    MarkReady,
    Move,
    SetRoute,
    StartReplica,
    StopReplica,
)
from bms.control.deployments.planning.observed_state import Desired, ObservedDeployment
from bms.control.deployments.planning.records import ENDED
from bms.control.deployments.planning.replica_states import SettledReplicas, observe_replicas
from bms.control.deployments.planning.retries import retry_at, streak
from bms.control.deployments.planning.routing import route

MARGIN_S = 2.0  # beyond the drain that the process allows itself, before it is killed


def plan(desired: Desired, observed: ObservedDeployment, now: datetime) -> list[Action]:
    """Plans the actions, in the order to carry them out."""
    seen = observe_replicas(desired, observed, now)
    actions: list[Action] = [MarkReady(id, address) for id, address in seen.ready.items()]
    actions += [Move(id, address) for id, address in seen.moved.items()]
    actions += [MarkFailed(id, reason) for id, reason in seen.failed.items()]
    actions += [StopReplica(id, reason) for id, reason in seen.gone.items()]
    moved = route(desired, seen, observed.route, now)
    if moved != observed.route:
        actions.append(SetRoute(moved))
    for version in sorted({replica.version for replica in seen.replicas} | _kept_up(desired, moved)):
        actions += _version(version, desired, observed, seen, moved, now)
    actions += [
        StopReplica(replica.id)
        for replica in observed.replicas
        if replica.state == "draining" and replica.id not in seen.gone and replica.id in observed.released
    ]
    ending = seen.failed.keys() | {action.replica for action in actions if isinstance(action, StopReplica)}
    return actions + _workloads(desired, observed, ending)


def _kept_up(desired: Desired, moved: TrafficRoute) -> frozenset[int]:
    """Versions whose replicas are replaced when they end."""
    return desired.versions | moved.versions if desired.wanted else frozenset()


def _version(
    version: int,
    desired: Desired,
    observed: ObservedDeployment,
    seen: SettledReplicas,
    moved: TrafficRoute,
    now: datetime,
) -> list[Action]:
    if version in _kept_up(desired, moved):
        return _maintain(version, desired, observed, seen, now)
    if any(retired.version == version for retired in moved.retired):
        return []
    why = "the deployment was deleted" if desired.deleted else "the deployment was stopped" if desired.stopped else ""
    return _let_go(seen.of(version, "starting", "ready"), why)


def _maintain(
    version: int, desired: Desired, observed: ObservedDeployment, seen: SettledReplicas, now: datetime
) -> list[Action]:
    live = seen.of(version, "starting", "ready")
    current = [replica for replica in live if replica.build == desired.build]
    able = [replica for replica in current if replica.id not in observed.silent]
    missing = desired.replicas - len(able)
    if missing > 0:
        last = _last_failure(version, desired, seen)
        if version in desired.problems or (last is not None and retry_at(last) > now):
            return []
        return [StartReplica(version, 0 if last is None else streak(last)) for _ in range(missing)]
    serving = [replica for replica in able if replica.state == "ready"]
    if len(serving) < desired.replicas:
        return []
    # The oldest stay: they are warm. Starting ones are surplus as soon as enough are ready.
    keep = {replica.id for replica in serving[: desired.replicas]}
    return _let_go([replica for replica in live if replica.id not in keep], "")


def _last_failure(version: int, desired: Desired, seen: SettledReplicas) -> Replica | None:
    """The last replica of this version and build to fail since the deployment was changed."""
    failed = [
        replica
        for replica in seen.of(version, "failed")
        if replica.build == desired.build and replica.ended_at is not None and replica.created_at >= desired.since
    ]
    return max(failed, key=lambda replica: (replica.ended_at, replica.id), default=None)


def _let_go(replicas: list[Replica], reason: str) -> list[Action]:
    """Actions that end unwanted replicas: ready ones drain first; starting ones have no traffic and just stop."""
    why = reason or "no longer wanted"
    return [
        Drain(replica.id, why) if replica.state == "ready" else StopReplica(replica.id, why) for replica in replicas
    ]


def _workloads(desired: Desired, observed: ObservedDeployment, ending: Set[str]) -> list[Action]:
    """Actions on processes, of replicas that are to start, or that ended before; `ending` ones wait until their end is
    recorded."""
    if observed.workloads is None:
        return []
    actions: list[Action] = []
    for replica in observed.replicas:
        workload = observed.workloads.get(replica.id)
        if replica.id in observed.launching:
            continue
        if replica.state == "starting" and workload is None and replica.id not in ending:
            actions.append(Launch(replica.id))
        elif replica.state in ENDED and workload is not None:
            ended = workload.state == "ended"
            actions.append(
                ForgetWorkload(workload.id) if ended else EndWorkload(workload.id, desired.drain_s + MARGIN_S)
            )
    return actions
