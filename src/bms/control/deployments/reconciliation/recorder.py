"""Records what was planned: rows and their events together, in one transaction of the leader."""

from collections.abc import Sequence
from datetime import datetime

from bms.control.deployments.events import (
    DeploymentRelabelled,
    DeploymentSwitched,
    OfDeployment,
    OfReplica,
    ReplicaDraining,
    ReplicaFailed,
    ReplicaMoved,
    ReplicaReady,
    ReplicaStarted,
    ReplicaStopped,
)
from bms.control.deployments.nouns import Deployment, Replica, TrafficRoute
from bms.control.deployments.planning.actions import (
    Action,
    Drain,
    MarkFailed,
    MarkReady,
    Move,
    SetRoute,
    StartReplica,
    StopReplica,
)
from bms.control.deployments.planning.observed_state import Desired
from bms.control.deployments.planning.records import ENDED, ReplicaAction, born, changed
from bms.control.deployments.ports import DeploymentsTx
from bms.core.events import Event
from bms.core.ids import new_id


class Recorder:
    """Records one plan of one deployment."""

    def __init__(
        self,
        deployment: Deployment,
        desired: Desired,
        route: TrafficRoute,
        replicas: Sequence[Replica],
        now: datetime,
    ) -> None:
        self._deployment = deployment
        self._desired = desired
        self._route = route
        self._replicas = {replica.id: replica for replica in replicas}
        self._now = now

    async def record(self, tx: DeploymentsTx, actions: Sequence[Action]) -> None:
        """Records the actions; those on processes change no row. Raises Aborted when another process changed one
        first."""
        for action in actions:
            match action:
                case StartReplica():
                    replica = born(action, self._desired, new_id("rep"), self._now)
                    await tx.add_replica(replica)
                    await self._emit(tx, ReplicaStarted, replica)
                case MarkReady(id) | Move(id) | MarkFailed(id) | Drain(id) | StopReplica(id):
                    saved = self._replicas[id] = await tx.save_replica(changed(self._replicas[id], action, self._now))
                    if saved.state in ENDED:
                        await tx.close_allotment(saved.tenant, "replicas", id, self._now)
                    await self._emit(tx, _event_of(action), saved)
                case SetRoute(moved):
                    await tx.save_route(moved)
                    await tx.emit(self._moved(moved))

    def _moved(self, moved: TrafficRoute) -> Event[OfDeployment]:
        before, after = _traffic(self._route), _traffic(moved)
        kind = DeploymentRelabelled if before == after else DeploymentSwitched
        return self._event(kind(id=self._deployment.id, traffic=after, before=before))

    async def _emit(self, tx: DeploymentsTx, kind: type[OfReplica], replica: Replica) -> None:
        event = kind(id=self._deployment.id, replica=replica.id, version=replica.version, reason=replica.reason)
        await tx.emit(self._event(event))

    def _event(self, payload: OfDeployment) -> Event[OfDeployment]:
        return Event(
            payload=payload,
            tenant=self._deployment.tenant,
            subject=self._deployment.name,
            actor="system",
            at=self._now,
        )


def _event_of(action: ReplicaAction) -> type[OfReplica]:
    match action:
        case MarkReady():
            return ReplicaReady
        case Move():
            return ReplicaMoved
        case MarkFailed():
            return ReplicaFailed
        case Drain():
            return ReplicaDraining
        case StopReplica():
            return ReplicaStopped


def _traffic(route: TrafficRoute) -> str:
    """The weights for people, e.g. `1: 90 %, 2: 10 %`."""
    return ", ".join(f"{share.version}: {share.weight} %" for share in route.shares) or "none"
