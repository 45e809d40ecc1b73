"""A deployment, its replicas and a cluster in memory: carries out plans, and lets things go wrong."""

import msgspec

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
from bms.control.deployments.planning.observed_state import Desired, ObservedDeployment, ResolvedTarget
from bms.control.deployments.planning.plan import plan
from bms.control.deployments.planning.records import born, changed
from bms.core.clock import ManualClock
from bms.core.workloads.programs import ServableStatus
from bms.core.workloads.workload import WorkloadStatus


def workload(id: str, started_at: int, **more: object) -> WorkloadStatus:
    plain = WorkloadStatus(
        id=id,
        kind="model_server",
        tenant="t",
        owner=id,
        epoch=1,
        state="running",
        started_at=started_at,
        node="here",
        endpoint=f"unix:/{id}",
    )
    return msgspec.structs.replace(plain, **more)


def said(replica: str, state: str, error: str = "") -> ServableStatus:
    return msgspec.convert({"replica": replica, "state": state, "started_at": 0, "error": error}, ServableStatus)


class World:
    """`broken` versions end while they load; everything else becomes ready when `load` is called."""

    def __init__(self, replicas: int = 1, keep_previous_s: float = 30.0) -> None:
        self.clock = ManualClock()
        self.aliases = {"production": 1}
        self.targets: list[tuple[str | int, int]] = [("production", 100)]
        self.desired = Desired(
            deployment="d",
            tenant="t",
            since=self.clock.now(),
            targets=(),
            aliases={},
            replicas=replicas,
            build="b",
            keep_previous_s=keep_previous_s,
        )
        self.route = TrafficRoute(deployment="d", tenant="t")
        self.replicas: dict[str, Replica] = {}
        self.workloads: dict[str, WorkloadStatus] = {}
        self.available: set[str] = set()
        self.errors: dict[str, str] = {}
        self.launch_errors: dict[str, str] = {}
        self.released: set[str] = set()
        self.silent: set[str] = set()
        self.broken: set[int] = set()
        self.blind = False
        self.count = 0

    def want(self, **changes: object) -> None:
        """A new revision of the spec."""
        self.desired = msgspec.structs.replace(self.desired, since=self.clock.now(), **changes)

    def move(self, alias: str, version: int) -> None:
        self.aliases[alias] = version
        self.want()

    def resolved(self) -> Desired:
        targets = tuple(
            ResolvedTarget(version=self.aliases.get(name), alias=name, weight=weight)
            if isinstance(name, str)
            else ResolvedTarget(version=name, weight=weight)
            for name, weight in self.targets
        )
        return msgspec.structs.replace(self.desired, targets=targets, aliases=dict(self.aliases))

    def observed(self) -> ObservedDeployment:
        statuses = {
            id: said(id, "AVAILABLE" if id in self.available else "END" if id in self.errors else "LOADING", error)
            for id, status in self.workloads.items()
            if status.state == "running" and id not in self.silent
            for error in [self.errors.get(id, "")]
        }
        return ObservedDeployment(
            replicas=tuple(self.replicas.values()),
            route=self.route,
            workloads=None if self.blind else dict(self.workloads),
            statuses={} if self.blind else statuses,
            launch_errors=dict(self.launch_errors),
            silent=frozenset(self.silent),
            released=frozenset(self.released),
        )

    def plan(self) -> list[Action]:
        return plan(self.resolved(), self.observed(), self.clock.now())

    def step(self) -> list[Action]:
        actions = self.plan()
        for action in actions:
            self.carry_out(action)
        return actions

    def settle(self, steps: int = 50) -> None:
        """Steps, loads and releases until nothing is left to do."""
        for _ in range(steps):
            self.load()
            self.release()
            if not self.step():
                return
        raise AssertionError(f"still planning after {steps} steps: {self.plan()}")

    def carry_out(self, action: Action) -> None:
        now = self.clock.now()
        match action:
            case StartReplica():
                self.count += 1
                id = f"r{self.count}"
                self.replicas[id] = born(action, self.resolved(), id, now)
            case MarkReady(id) | Move(id) | MarkFailed(id) | Drain(id) | StopReplica(id):
                self.replicas[id] = changed(self.replicas[id], action, now)
            case SetRoute(route):
                self.route = route
            case Launch(id):
                self.workloads[id] = workload(id, int(now.timestamp() * 1e9))
            case EndWorkload(id):
                self.end(id, exit_code=0)
            case ForgetWorkload(id):
                del self.workloads[id]

    def load(self) -> None:
        """Model servers that run and are not broken finish loading; broken ones end."""
        for id, status in list(self.workloads.items()):
            if status.state != "running":
                continue
            if self.replicas[id].version in self.broken:
                self.end(id, exit_code=1)
            else:
                self.available.add(id)

    def end(self, id: str, **how: object) -> None:
        self.available.discard(id)
        self.workloads[id] = msgspec.structs.replace(self.workloads[id], state="ended", **how)

    def release(self) -> None:
        """Gateways apply the newest snapshot."""
        self.released = {id for id, replica in self.replicas.items() if replica.state == "draining"}

    def of(self, state: str, version: int | None = None) -> list[Replica]:
        return [one for one in self.replicas.values() if one.state == state and version in (None, one.version)]

    def traffic(self) -> dict[int, int]:
        return {share.version: share.weight for share in self.route.shares}

    @property
    def alive(self) -> set[str]:
        """Replicas that could answer."""
        return {
            id for id in self.available if self.replicas[id].state == "ready" and self.workloads[id].state == "running"
        }
