"""Health of model servers for status pages, at any of several control processes.

The process that leads the deployments probes them all the time; another one has no answers, so it probes the replicas
of the deployment in question when its status is asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bms.control.deployments.health import Health
from bms.control.deployments.nouns import Replica
from bms.control.deployments.ports import ReplicaProbe
from bms.control.platform.leading import Leader
from bms.core.workloads.programs import ServableStatus

ReportsOf = Callable[[Sequence[Replica]], Awaitable[Mapping[str, ServableStatus]]]
"""(replicas of a deployment) -> what those said that answer."""


class HealthReports:
    """Health of replicas. `leader` is the lease of the deployments; `probe` makes a probe that asks each replica
    once."""

    def __init__(self, health: Health, leader: Leader, probe: Callable[[], ReplicaProbe]) -> None:
        self._health = health
        self._leader = leader
        self._probe = probe

    async def of(self, replicas: Sequence[Replica]) -> Mapping[str, ServableStatus]:
        if not self._leader.elsewhere:
            return self._health.statuses
        probe = self._probe()
        asked = [one for one in replicas if one.state in ("starting", "ready", "draining") and one.address]
        try:
            found = await asyncio.gather(*(probe.status(one.id, one.address) for one in asked))
        finally:
            for one in asked:
                probe.let_go(one.id)
        return {one.id: status for one, status in zip(asked, found, strict=True) if status is not None}
