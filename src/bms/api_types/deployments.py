"""/api/v1/deployments: the names that clients call, the versions that serve them, and their health."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from bms.api_types.by_name import ByName
from bms.api_types.replicas import ReplicaState
from bms.api_types.resources import Resources

Dialect = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["kserve", "tfserving"]})]
Policy = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["adaptive", "off", "static"]})]
DeploymentState = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "enum": ["degraded", "deleted", "failing", "rolling", "serving", "starting", "stopped"],
        }
    ),
]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One version to serve, fixed by `version` or followed by `alias`, with its share of unnamed requests."""

    alias: str | None = None
    version: int | None = None
    weight: int = 100


class Batching(ByName, msgspec.Struct, frozen=True, kw_only=True):
    """How waiting requests are batched; sizes in rows, times in seconds.

    "off": every request runs by itself. "static": a batch leaves when it has `max_rows`, or when its oldest request
    has waited `max_wait_s`, or at once where that is 0 and the model is free. "adaptive": as much as keeps the time
    from arrival to answer within `objective_s` for nearly all requests. `max_rows` 1 switches off, too.

    `sizes`, ascending, are the only numbers of rows that may run; what is less is filled up to the next one. The
    largest takes the place of `max_rows`. Empty: any number may run.
    """

    policy: Policy = "static"
    max_rows: int = 64
    max_wait_s: float = 0.0
    objective_s: float = 0.1
    sizes: tuple[int, ...] = ()


class DeploymentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The desired state of a deployment, as its owner sets it. Every change of it is a new revision that can be
    returned to."""

    model: str
    targets: Sequence[Target]
    replicas: int = 1
    resources: Resources = Resources()
    batching: Batching = Batching()
    share_weights: bool = True
    max_in_flight: int = 256
    timeout_s: float = 30.0
    dialect: Dialect = "tfserving"
    drain_s: float = 10.0
    keep_previous_s: float = 30.0
    start_timeout_s: float = 120.0
    stopped: bool = False


class Deploy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body that sets what a deployment serves. Say at most one of `alias`, `version` and `targets`; by default the
    alias `production` is followed. `force` passes over the model's gates; admins and owners only. The rest has the
    defaults of a deployment's spec."""

    model: str
    alias: str | None = None
    version: int | None = None
    targets: tuple[Target, ...] | None = None
    replicas: int = 1
    resources: Resources = Resources()
    batching: Batching = Batching()
    share_weights: bool = True
    max_in_flight: int = 256
    timeout_s: float = 30.0
    dialect: Literal["tfserving", "kserve"] = "tfserving"
    drain_s: float = 10.0
    keep_previous_s: float = 30.0
    start_timeout_s: float = 120.0
    stopped: bool = False
    force: bool = False


class CreateDeployment(Deploy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str


class Rollback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to return to revision `to`; by default the newest whose versions differ from the present ones."""

    to: int | None = None


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A name that clients call. `revision` counts changes of `spec` and guards updates."""

    id: str
    tenant: str = ""
    name: str
    spec: DeploymentSpec
    created_at: datetime
    created_by: str
    deleted: bool = False
    revision: int = 1


class ListedDeployment(Deployment, frozen=True, kw_only=True):
    """A deployment as listings show it: with its status."""

    state: DeploymentState = ""
    message: str = ""


class DeploymentRevision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a deployment's spec, and the versions it resolved to. Never changed."""

    deployment: str = ""
    number: int
    spec: DeploymentSpec
    versions: tuple[int, ...]
    cause: str
    at: datetime
    by: str


class ReplicaView(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one replica. Counts are since its start, as its model server last reported; `memory` in resident
    bytes."""

    id: str
    version: int
    state: ReplicaState
    created_at: datetime
    ready_at: datetime | None = None
    reason: str = ""
    answering: bool = False
    requests: int = 0
    errors: int = 0
    in_flight: int = 0
    memory: int = 0


class TrafficView(msgspec.Struct, frozen=True, kw_only=True):
    """A version that receives traffic. `weight` is its share of requests that name no version, in percent."""

    version: int
    weight: int
    aliases: tuple[str, ...] = ()
    ready: int = 0


class DeploymentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The observed state of a deployment. `path` is where predictions are sent; `requests` counts what the replicas
    shown have answered; `message` says `state` to people."""

    name: str
    model: str
    state: DeploymentState
    message: str = ""
    path: str = ""
    serving_since: datetime | None = None
    requests: int = 0
    traffic: tuple[TrafficView, ...] = ()
    replicas: tuple[ReplicaView, ...] = ()
    revision: int = 1
