"""Deployments: the names that clients call, and which model versions serve them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from bms.api_types.deployments import (
    Batching,
    CreateDeployment,
    Deploy,
    DeploymentRevision,
    DeploymentSpec,
    DeploymentStatus,
    ReplicaView,
    Rollback,
    Target,
    TrafficView,
)
from bms.api_types.deployments import ListedDeployment as Deployment  # whose state is told in lists alone
from bms.api_types.resources import Resources
from bms.core.clock import Clock, SystemClock
from bms.core.errors import FailedPrecondition
from bms.sdk.binding.resources import D, operation, path_part, stream
from bms.sdk.replica_logs import ReplicaLogs
from bms.sdk.transport.bodies import without_defaults
from bms.sdk.transport.flow import Flow, Stream
from bms.sdk.transport.waiting import until

__all__ = [
    "Batching",
    "Deployment",
    "DeploymentRevision",
    "DeploymentSpec",
    "DeploymentStatus",
    "Deployments",
    "ReplicaView",
    "Resources",
    "Target",
    "TrafficView",
]
UNSETTLED = frozenset({"starting", "rolling"})


class Deployments(ReplicaLogs[D]):
    """Creates, changes, stops and watches deployments (`/api/v1/deployments`)."""

    _clock: Clock = SystemClock()

    @operation
    def create(self, name: str, spec: DeploymentSpec, *, force: bool = False) -> Flow[Deployment]:
        """Creates a deployment. Raises AlreadyExists; FailedPrecondition for a version that is not ready, or has not
        passed every gate of its model (which admins may `force`)."""
        return self._post(
            "/deployments", Deployment, without_defaults(CreateDeployment(name=name, **_members(spec, force)))
        )

    @operation
    def put(
        self, name: str, spec: DeploymentSpec, *, revision: int | None = None, force: bool = False
    ) -> Flow[Deployment]:
        """Creates the deployment, or changes it to `spec`. Gates are asked for versions that it does not serve yet."""
        return self._change("PUT", _one(name), Deployment, without_defaults(Deploy(**_members(spec, force))), revision)

    @operation
    def get(self, name: str) -> Flow[Deployment]:
        return self._get(_one(name), Deployment)

    @stream
    def list(self, *, model: str | None = None) -> Stream[Deployment]:
        return self._pages("/deployments", Deployment, {"model": model})

    @operation
    def delete(self, name: str) -> Flow[None]:
        return self._change("DELETE", _one(name), type(None))

    @operation
    def rollback(self, name: str, *, to: int | None = None) -> Flow[Deployment]:
        """Returns to the versions of revision `to`, by default the newest whose versions differ from the present
        ones."""
        return self._post(f"{_one(name)}/rollback", Deployment, without_defaults(Rollback(to=to)))

    @operation
    def stop(self, name: str) -> Flow[Deployment]:
        """Stops all replicas; the deployment's name and settings stay."""
        return self._post(f"{_one(name)}/stop", Deployment)

    @operation
    def start(self, name: str) -> Flow[Deployment]:
        """Starts a stopped deployment again."""
        return self._post(f"{_one(name)}/start", Deployment)

    @stream
    def revisions(self, name: str) -> Stream[DeploymentRevision]:
        """Lists the revisions of a deployment, newest first."""
        return self._pages(f"{_one(name)}/revisions", DeploymentRevision)

    @operation
    def status(self, name: str) -> Flow[DeploymentStatus]:
        return self._status(name)

    @operation
    def wait_ready(
        self,
        name: str,
        on_progress: Callable[[DeploymentStatus], None] | None = None,
        *,
        timeout_s: float | None = 300.0,
    ) -> Flow[DeploymentStatus]:
        """Waits until the deployment serves all that its spec wants, and returns its status. Raises FailedPrecondition
        with the reason when it fails."""
        status = yield from until(
            partial(self._status, name),
            lambda status: status.state not in UNSETTLED,
            what=f"deployment {name!r} being ready",
            clock=self._clock,
            timeout_s=timeout_s,
            on_progress=on_progress,
        )
        if status.state != "serving":
            raise FailedPrecondition(f"deployment {name!r} is {status.state}: {status.message}")
        return status

    def _status(self, name: str) -> Flow[DeploymentStatus]:
        return self._get(f"{_one(name)}/status", DeploymentStatus)


def _members(spec: DeploymentSpec, force: bool) -> dict[str, Any]:
    """The members of what is sent."""
    return {**msgspec.structs.asdict(spec), "force": force}


def _one(name: str) -> str:
    return f"/deployments/{path_part(name)}"
