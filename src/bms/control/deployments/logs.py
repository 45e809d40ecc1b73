"""Logs of replicas: lists a deployment's present and former replicas, and reads the log of each, while it runs and for
a while after."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

import msgspec

from bms.control.deployments.nouns import Deployment, Replica, ReplicaState
from bms.control.deployments.ports import DeploymentsTx
from bms.control.platform.transactions import Store
from bms.core.errors import NotFound

LOG_PIECE = 1 << 20  # bytes that are read at once


class ReplicaLogSource(Protocol):
    """The port to what replicas' processes write. Offsets count bytes from a log's very beginning, also where that was
    cut off."""

    async def read(self, workload: str, offset: int, limit: int) -> tuple[bytes, int] | None:
        """Up to `limit` bytes from `offset` on, and where to read on; None where there is no log (any more)."""
        ...

    async def keep(self, workload: str) -> None:
        """Keeps the log of a replica that has ended, before its process is forgotten; a second time changes nothing."""
        ...

    async def drop(self, workloads: Collection[str]) -> None:
        """Removes logs that nobody can ask for any more."""
        ...


class NoLogs:
    """A source without logs, where nothing is kept of what processes write."""

    async def read(self, workload: str, offset: int, limit: int) -> tuple[bytes, int] | None:
        return None

    async def keep(self, workload: str) -> None:
        return

    async def drop(self, workloads: Collection[str]) -> None:
        return


class LoggedReplica(msgspec.Struct, frozen=True, kw_only=True):
    """One replica with what is known of its log; ended ones as far as they are remembered."""

    id: str
    version: int
    state: ReplicaState
    created_at: datetime
    ready_at: datetime | None
    ended_at: datetime | None
    reason: str


class ReplicaLogPiece(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a log, and the offset to read on from. `state` was the replica's before the piece was read, so that
    the log of one that had ended is complete with this piece."""

    content: bytes
    next: int
    state: ReplicaState


class ReplicaLogService:
    """Use cases of replicas' logs, for principals who may read deployments of their own tenant."""

    def __init__(self, store: Store[DeploymentsTx], logs: ReplicaLogSource) -> None:
        self._store = store
        self._logs = logs

    async def replicas(self, tenant: str, name: str) -> list[LoggedReplica]:
        """The deployment's replicas in order of birth. Raises NotFound."""
        async with self._store.read() as tx:
            found = await tx.replicas((await _deployment(tx, tenant, name)).id)
        return [_logged(replica) for replica in found]

    async def log(self, tenant: str, name: str, replica: str, offset: int) -> ReplicaLogPiece:
        """The next piece of the log; empty at its present end, and for a replica that never began a process. Raises
        NotFound."""
        async with self._store.read() as tx:
            deployment = await _deployment(tx, tenant, name)
            found = await tx.replica(replica)
        if found is None or found.deployment != deployment.id:
            raise NotFound(
                f"deployment {name!r} has no replica {replica[:80]!r} (any more): `bms deployment replicas {name}` "
                "lists those that it has and had"
            )
        content, place = await self._logs.read(replica, offset, LOG_PIECE) or (b"", offset)
        return ReplicaLogPiece(content=content, next=place, state=found.state)


async def _deployment(tx: DeploymentsTx, tenant: str, name: str) -> Deployment:
    found = await tx.deployment(tenant, name)
    if found is None:
        raise NotFound(f"no deployment {name!r} in this tenant: list them with `bms deployment list`")
    return found


def _logged(replica: Replica) -> LoggedReplica:
    return LoggedReplica(
        id=replica.id,
        version=replica.version,
        state=replica.state,
        created_at=replica.created_at,
        ready_at=replica.ready_at,
        ended_at=replica.ended_at,
        reason=replica.reason,
    )
