"""Desired and observed state of one deployment: the two arguments of `plan`."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bms.control.deployments.nouns import Replica, TrafficRoute
from bms.core.workloads.programs import ServableStatus
from bms.core.workloads.workload import WorkloadStatus


class ResolvedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A target with its alias resolved to a version."""

    version: int | None  # None: the alias points nowhere now
    weight: int
    alias: str | None = None


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """The desired state, complete: nothing is left to look up. `since` is when it last changed."""

    deployment: str
    tenant: str
    since: datetime
    targets: tuple[ResolvedTarget, ...]
    aliases: Mapping[str, int]  # every alias of the model
    replicas: int
    build: str
    problems: Mapping[int, str] = {}  # by version, why it may not be started
    deleted: bool = False
    stopped: bool = False
    drain_s: float = 10.0
    keep_previous_s: float = 30.0
    start_timeout_s: float = 120.0

    @property
    def wanted(self) -> bool:
        """Whether any replica is wanted."""
        return not (self.deleted or self.stopped)

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(target.version for target in self.targets if target.version is not None)


class ObservedDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """The observed state. `workloads` None: the cluster could not be asked, so nothing may be concluded from
    absence."""

    replicas: tuple[Replica, ...]  # in order of birth, ended ones as far as they are remembered
    route: TrafficRoute
    workloads: Mapping[str, WorkloadStatus] | None = None
    statuses: Mapping[str, ServableStatus] = {}  # by replica, of those that answered just now
    launching: frozenset[str] = frozenset()  # replicas whose start is being worked on
    launch_errors: Mapping[str, str] = {}  # by replica, why its start was given up
    exit_reasons: Mapping[str, str] = {}  # by replica, the last line of a process that ended
    silent: frozenset[str] = frozenset()  # running, but have not answered for long
    released: frozenset[str] = frozenset()  # draining replicas that no live gateway sends to any more
