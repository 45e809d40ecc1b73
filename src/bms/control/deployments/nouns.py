"""The nouns of deployments: Deployment (desired), Replica (observed), TrafficRoute (which versions get the traffic)."""

from datetime import datetime
from typing import Literal

import msgspec

from bms.control.deployments.batching import check_batching
from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import Dialect
from bms.core.workloads.programs import Batching
from bms.core.workloads.resources import Resources


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version to serve, fixed by `version` or followed by `alias`, with its share of unnamed requests."""

    alias: str | None = None
    version: int | None = None
    weight: int = 100

    def __post_init__(self) -> None:
        if (self.alias is None) == (self.version is None):
            raise InvalidArgument("a target names either an alias or a version, exactly one of them")
        if not 0 <= self.weight <= 100:
            raise InvalidArgument(f"weight is {self.weight}, expected 0 to 100")


_SECONDS = (
    ("timeout_s", 0.001, 3600),
    ("drain_s", 0, 3600),
    ("keep_previous_s", 0, 86_400),
    ("start_timeout_s", 1, 3600),
)


class DeploymentSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The desired state as its owner gives it. Every change of it is a new revision that can be returned to."""

    model: str
    targets: tuple[Target, ...]
    replicas: int = 1
    resources: Resources = Resources()
    batching: Batching = Batching()
    share_weights: bool = True  # where there are several replicas: less memory, and runs of few rows take longer
    max_in_flight: int = 256
    timeout_s: float = 30.0
    dialect: Dialect = "tfserving"  # what a classifier answers: all outputs, or "kserve": labels alone
    drain_s: float = 10.0
    keep_previous_s: float = 30.0  # how long a version that lost its traffic stays loaded, for instant rollback
    start_timeout_s: float = 120.0
    stopped: bool = False  # nothing is kept running; the name stays, and what it serves once it is started again

    def __post_init__(self) -> None:
        if not self.targets or sum(target.weight for target in self.targets) != 100:
            raise InvalidArgument("the weights of a deployment's targets must add up to 100")
        if not 1 <= self.replicas <= 1000:
            raise InvalidArgument(f"replicas is {self.replicas}, expected 1 to 1000")
        if not 1 <= self.max_in_flight <= 100_000:
            raise InvalidArgument(f"max_in_flight is {self.max_in_flight}, expected 1 to 100000 requests")
        check_batching(self.batching)
        for name, low, high in _SECONDS:
            if not low <= (value := getattr(self, name)) <= high:
                raise InvalidArgument(f"{name} is {value}, expected {low} to {high} seconds")


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A name that clients call. `revision` counts changes of `spec` and guards updates."""

    id: str
    tenant: str
    name: str
    spec: DeploymentSpec
    created_at: datetime
    created_by: str
    deleted: bool = False
    revision: int = 1


class DeploymentRevision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a deployment's spec, with the versions that it meant then. Never changed."""

    deployment: str
    number: int
    spec: DeploymentSpec
    versions: tuple[int, ...]
    cause: str  # e.g. "created", "alias production moved to 3", "rolled back to revision 2"
    at: datetime
    by: str


ReplicaState = Literal["starting", "ready", "draining", "stopped", "failed"]


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One model server of one version of a deployment. Its workload's id is its own id."""

    id: str
    tenant: str
    deployment: str  # id
    version: int
    build: str  # what beside the version its process was started with; another build of a version replaces it
    state: ReplicaState
    address: str  # endpoint (`core.endpoints`) as its cluster said it; empty until it is ready for the first time
    created_at: datetime
    ready_at: datetime | None = None
    drain_at: datetime | None = None
    ended_at: datetime | None = None
    restarts: int = 0  # how many replicas of this version failed in a row before this one
    reason: str = ""
    revision: int = 1


class TrafficShare(msgspec.Struct, frozen=True, kw_only=True):
    """One version that has traffic: its share of unnamed requests, and the aliases that lead to it."""

    version: int
    weight: int
    aliases: tuple[str, ...] = ()


class Retired(msgspec.Struct, frozen=True, kw_only=True):
    """A version that lost its traffic at that time; it stays loaded for a while, so that going back is instant."""

    version: int
    at: datetime


class TrafficRoute(msgspec.Struct, frozen=True, kw_only=True):
    """The distribution of a deployment's requests over versions. It is stored, so that a restarted control continues it
    instead of guessing."""

    deployment: str  # id
    tenant: str
    shares: tuple[TrafficShare, ...] = ()
    retired: tuple[Retired, ...] = ()
    since: datetime | None = None
    revision: int = 1

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(share.version for share in self.shares)
