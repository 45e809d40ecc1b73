"""Brings gateways' reports of failing model servers to the process that leads the deployments.

A gateway is connected to one control process. Where that one leads, the model server is probed at once; where another
one does, an event tells it.
"""

import logging
from functools import partial

from bms.control.deployments.events import ReplicaSuspected
from bms.control.deployments.health import Health
from bms.control.deployments.planning.records import ENDED
from bms.control.deployments.ports import DeploymentsTx
from bms.control.platform.keyed_tasks import KeyedTasks
from bms.control.platform.leading import Leader
from bms.control.platform.transactions import Store
from bms.core.clock import Clock
from bms.core.errors import BmsError
from bms.core.events import Event

log = logging.getLogger("bms.deployments")
AGAIN_S = 5.0  # for so long, one event about a replica is enough, however many gateways lost it
REMEMBERED = 10_000  # replicas


class FailureReports:
    """Takes reports of gateways. `leader` is the lease of the deployments. A report that is lost is made up for by the
    leader's own probes."""

    def __init__(self, store: Store[DeploymentsTx], health: Health, leader: Leader, clock: Clock) -> None:
        self._store = store
        self._health = health
        self._leader = leader
        self._clock = clock
        self._reported: dict[str, float] = {}  # by replica, monotonic seconds
        self.tasks = KeyedTasks()

    def note(self, replica: str) -> None:
        """Takes the report that a gateway lost its connection to this replica, or got none. Returns at once."""
        if self._leader.token is not None:
            self._health.probe_now(replica)
            return
        now = self._clock.monotonic()
        if now - self._reported.get(replica, float("-inf")) < AGAIN_S:
            return
        if len(self._reported) >= REMEMBERED:
            self._reported = {id: at for id, at in self._reported.items() if now - at < AGAIN_S}
        self._reported[replica] = now
        self.tasks.start(replica, partial(self._report, replica))

    async def _report(self, replica: str) -> None:
        try:
            async with self._store.write() as tx:
                found = await tx.replica(replica)
                if found is None or found.state in ENDED:
                    return
                deployment = await tx.deployment_by_id(found.tenant, found.deployment)
                if deployment is None:
                    return
                event = ReplicaSuspected(id=deployment.id, replica=replica, version=found.version)
                await tx.emit(
                    Event(
                        payload=event,
                        tenant=found.tenant,
                        subject=deployment.name,
                        actor="system",
                        at=self._clock.now(),
                    )
                )
        except BmsError as error:
            log.warning("the leader can't be told that replica %s seems to have failed: %s", replica, error.message)
            self._reported.pop(replica, None)
