"""Deployments: names that clients call, and which versions answer them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

import msgspec

from bms.core.clock import Clock, SystemClock
from bms.core.errors import FailedPrecondition
from bms.sdk.binding import D, operation, path_part, stream
from bms.sdk.flow import Flow, Stream
from bms.sdk.replica_logs import ReplicaLogs
from bms.sdk.waiting import until

UNSETTLED = frozenset({"starting", "rolling"})


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version to serve, or an alias to follow, with its share in percent of requests that name no version."""

    alias: str | None = None
    version: int | None = None
    weight: int = 100


class DeploymentSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be served and how; what is left out has the server's default."""

    model: str
    targets: Sequence[Target]
    replicas: int | None = None
    resources: dict[str, int | float] | None = None
    batching: dict[str, object] | None = None  # policy, max_rows, max_wait_s, objective_s, sizes
    share_weights: bool | None = None  # several replicas have large weights in memory once
    max_in_flight: int | None = None
    timeout_s: float | None = None
    dialect: Literal["tfserving", "kserve"] | None = None  # :predict of a classifier: all outputs, or labels alone
    drain_s: float | None = None
    keep_previous_s: float | None = None
    start_timeout_s: float | None = None


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served under a name. `state` and `message`, as in its status, are told in lists alone."""

    id: str
    name: str
    spec: DeploymentSpec
    created_at: datetime
    created_by: str
    revision: int = 1
    state: str = ""
    message: str = ""


class DeploymentRevision(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment was told to serve at one time, and which versions that meant."""

    number: int
    spec: DeploymentSpec
    versions: tuple[int, ...]
    cause: str
    at: datetime
    by: str


class ReplicaView(msgspec.Struct, frozen=True, kw_only=True):
    """One model server. Counts are since its start; `memory` in resident bytes."""

    id: str
    version: int
    state: str
    created_at: datetime
    ready_at: datetime | None = None
    reason: str = ""
    requests: int = 0
    errors: int = 0
    in_flight: int = 0
    memory: int = 0


class TrafficView(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    weight: int
    aliases: tuple[str, ...] = ()
    ready: int = 0


class DeploymentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is starting, serving, rolling, degraded, failing, stopped or deleted; `message` says it to people."""

    name: str
    model: str
    state: str
    message: str = ""
    path: str = ""
    serving_since: datetime | None = None
    requests: int = 0
    traffic: tuple[TrafficView, ...] = ()
    replicas: tuple[ReplicaView, ...] = ()
    revision: int = 1


class Deployments(ReplicaLogs[D]):
    """/api/v1/deployments"""

    _clock: Clock = SystemClock()

    @operation
    def create(self, name: str, spec: DeploymentSpec, *, force: bool = False) -> Flow[Deployment]:
        """Raises AlreadyExists; FailedPrecondition for a version that is not ready, or has not passed every gate of its
        model (which admins may `force`)."""
        return self._post("/deployments", Deployment, {"name": name, **_said(spec, force)})

    @operation
    def put(
        self, name: str, spec: DeploymentSpec, *, revision: int | None = None, force: bool = False
    ) -> Flow[Deployment]:
        """Makes the deployment, or changes it to `spec`. Gates are asked for versions that it does not serve yet."""
        return self._change("PUT", _one(name), Deployment, _said(spec, force), revision)

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
        """Serves again what revision `to` meant, by default the newest that meant other versions than now."""
        return self._post(f"{_one(name)}/rollback", Deployment, {} if to is None else {"to": to})

    @operation
    def stop(self, name: str) -> Flow[Deployment]:
        """Nothing runs for it any more; its name and settings stay."""
        return self._post(f"{_one(name)}/stop", Deployment)

    @operation
    def start(self, name: str) -> Flow[Deployment]:
        """Serves again what was stopped."""
        return self._post(f"{_one(name)}/start", Deployment)

    @stream
    def revisions(self, name: str) -> Stream[DeploymentRevision]:
        """Newest first."""
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
        """The status once all that is wanted is served. Raises FailedPrecondition with the reason when it fails."""
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


def _said(spec: DeploymentSpec, force: bool) -> dict[str, object]:
    return {**msgspec.to_builtins(spec), **({"force": True} if force else {})}


def _one(name: str) -> str:
    return f"/deployments/{path_part(name)}"
