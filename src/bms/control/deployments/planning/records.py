"""Applies actions to replicas' records, and decides which records may be deleted."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bms.control.deployments.nouns import Replica, TrafficRoute
from bms.control.deployments.planning.actions import Drain, MarkFailed, MarkReady, Move, StartReplica, StopReplica
from bms.control.deployments.planning.observed_state import Desired
from bms.core.formats.shortening import shortened

ReplicaAction = MarkReady | Move | MarkFailed | Drain | StopReplica
ENDED = frozenset({"stopped", "failed"})
LONGEST_REASON = 2000  # characters, of which the cause comes first
REMEMBERED = 10  # ended replicas of one deployment


def born(action: StartReplica, desired: Desired, id: str, now: datetime) -> Replica:
    return Replica(
        id=id,
        tenant=desired.tenant,
        deployment=desired.deployment,
        version=action.version,
        build=desired.build,
        state="starting",
        address="",  # nobody knows yet where it will run
        created_at=now,
        restarts=action.restarts,
    )


def changed(replica: Replica, action: ReplicaAction, now: datetime) -> Replica:
    match action:
        case MarkReady(_, address):
            return msgspec.structs.replace(replica, state="ready", ready_at=now, address=address)
        case Move(_, address):
            return msgspec.structs.replace(replica, address=address)
        case MarkFailed(_, reason):
            return msgspec.structs.replace(
                replica, state="failed", ended_at=now, reason=shortened(reason, LONGEST_REASON)
            )
        case Drain(_, reason):
            return msgspec.structs.replace(
                replica, state="draining", drain_at=now, reason=shortened(reason, LONGEST_REASON)
            )
        case StopReplica(_, reason):
            why = shortened(reason, LONGEST_REASON) or replica.reason
            return msgspec.structs.replace(replica, state="stopped", ended_at=now, reason=why)


def forgettable(replicas: Sequence[Replica], workloads: frozenset[str]) -> list[str]:
    """Ended replicas whose records may be deleted: those beyond the newest few whose processes have left nothing
    behind. Of those that failed, the last one is always kept, because it says when to try again."""
    ended = [replica for replica in replicas if replica.state in ENDED]
    ended.sort(key=lambda replica: (replica.ended_at or replica.created_at, replica.id))
    last = {(replica.version, replica.build): replica.id for replica in ended if replica.state == "failed"}
    spare = set(last.values()) if len(last) <= REMEMBERED else set(list(last.values())[-REMEMBERED:])
    return [replica.id for replica in ended[:-REMEMBERED] if replica.id not in workloads and replica.id not in spare]


def rests(route: TrafficRoute, replicas: Sequence[Replica]) -> bool:
    """Whether the deployment can be left alone until an event: nothing is to be done, no version waits to be let go, no
    replica is on its way, and none failed that would be tried again."""
    return not route.retired and all(replica.state in ("ready", "stopped") for replica in replicas)
