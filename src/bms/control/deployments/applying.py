"""Writing down what was planned: records and their events together, in one transaction of the leader."""

from collections.abc import Callable, Sequence
from datetime import datetime

from bms.control.deployments.actions import Action, Drain, MarkFailed, MarkReady, SetRoute, StartReplica, Stop
from bms.control.deployments.nouns import Deployment, Replica, Route
from bms.control.deployments.observation import Desired
from bms.control.deployments.ports import DeploymentsTx
from bms.control.deployments.records import born, changed
from bms.core.events import Event
from bms.core.ids import new_id


class Recorder:
    """Writes what one plan decided about one deployment. `address` says where a replica of an id will listen."""

    def __init__(
        self,
        deployment: Deployment,
        desired: Desired,
        route: Route,
        replicas: Sequence[Replica],
        address: Callable[[str], str],
        now: datetime,
    ) -> None:
        self._deployment = deployment
        self._desired = desired
        self._route = route
        self._replicas = {replica.id: replica for replica in replicas}
        self._address = address
        self._now = now

    async def record(self, tx: DeploymentsTx, actions: Sequence[Action]) -> None:
        """Actions on processes change no record. Raises Aborted when somebody else changed one first."""
        for action in actions:
            match action:
                case StartReplica():
                    id = new_id("rep")
                    replica = born(action, self._desired, id, self._address(id), self._now)
                    await tx.add_replica(replica)
                    await self._tell(tx, "replica.started", replica)
                case MarkReady(id) | MarkFailed(id) | Drain(id) | Stop(id):
                    self._replicas[id] = await tx.save_replica(changed(self._replicas[id], action, self._now))
                    await self._tell(tx, f"replica.{_word(action)}", self._replicas[id])
                case SetRoute(moved):
                    await tx.save_route(moved)
                    await tx.emit(self._moved(moved))

    def _moved(self, moved: Route) -> Event:
        before, after = _traffic(self._route), _traffic(moved)
        name = "deployment.relabelled" if before == after else "deployment.switched"
        return self._event(name, traffic=after, before=before)

    async def _tell(self, tx: DeploymentsTx, name: str, replica: Replica) -> None:
        more = {"reason": replica.reason} if replica.reason else {}
        await tx.emit(self._event(name, replica=replica.id, version=replica.version, **more))

    def _event(self, name: str, **details: str | int) -> Event:
        return Event(
            name=name,
            tenant=self._deployment.tenant,
            subject=self._deployment.name,
            actor="system",
            at=self._now,
            details={"id": self._deployment.id, **details},
        )


def _word(action: MarkReady | MarkFailed | Drain | Stop) -> str:
    match action:
        case MarkReady():
            return "ready"
        case MarkFailed():
            return "failed"
        case Drain():
            return "draining"
        case Stop():
            return "stopped"


def _traffic(route: Route) -> str:
    """For people, e.g. `1: 90 %, 2: 10 %`."""
    return ", ".join(f"{share.version}: {share.weight} %" for share in route.shares) or "none"
