"""Removes what a deleted tenant owned, all but its name, its events and its usage.

Steps: its deployments and jobs are told to end; once they have, blobs, cached trees and rows go. Each can be repeated,
so a crash in between costs nothing.
"""

import logging
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import msgspec

from bms.control.deployments.logs import ReplicaLogSource
from bms.control.deployments.ports import DeploymentsTx
from bms.control.deployments.service import DeploymentService
from bms.control.jobs.ports import JobsTx
from bms.control.jobs.service import JobService
from bms.control.offboarding.events import TenantRemoved
from bms.control.platform.objects import ObjectStore
from bms.control.platform.transactions import Store
from bms.control.platform.tree_cache import CachedTrees
from bms.control.tenants.nouns import DEFAULT_TENANT, Tenant
from bms.control.tenants.ports import TenantsTx
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition, NotFound
from bms.core.events import Event
from bms.core.pages import MAX_LIMIT, PageRequest


class TenantRows(Protocol):
    async def purge(self, tenant: str, at: datetime) -> int:
        """Deletes every row of the tenant but the tenant's own, its events and its usage; returns how many there were.
        What it still held, it held until `at`."""
        ...


log = logging.getLogger("bms.offboarding")


class WorkOf:
    """The port to what a tenant still serves or runs."""

    def __init__(self, deployments: Store[DeploymentsTx], jobs: Store[JobsTx]) -> None:
        self._deployments = deployments
        self._jobs = jobs

    async def __call__(self, tenant: str) -> list[str]:
        """Implements `AtWork`: deployments that are not stopped, and jobs that have not ended, in words."""
        async with self._deployments.read() as tx:
            served = await tx.deployments(tenant, PageRequest(limit=MAX_LIMIT))
        async with self._jobs.read() as tx:
            jobs = await tx.unended(tenant)
        return [
            *(f"deployment {each.name!r}" for each in served.items if not each.spec.stopped),
            *(f"job {job.id} ({job.name})" for job in jobs),
        ]

    async def names(self, tenant: str) -> list[str]:
        """Names of the tenant's deployments that were not deleted."""
        async with self._deployments.read() as tx:
            return [each.name for each in (await tx.deployments(tenant, PageRequest(limit=MAX_LIMIT))).items]

    async def jobs(self, tenant: str) -> list[str]:
        """Ids of the tenant's jobs that have not ended."""
        async with self._jobs.read() as tx:
            return [job.id for job in await tx.unended(tenant)]

    async def replicas(self, tenant: str) -> list[str]:
        """Ids of all the tenant's replicas, ended ones too."""
        async with self._deployments.read() as tx:
            return await tx.replica_ids(tenant)

    async def ended(self, tenant: str) -> bool:
        """Whether no process is left that was started for the tenant."""
        async with self._deployments.read() as tx:
            active = any(each.tenant == tenant for each in await tx.active())
        return not active and not await self.jobs(tenant)


class TenantRemoval:
    """Removes deleted tenants step by step."""

    def __init__(
        self,
        tenants: Store[TenantsTx],
        work: WorkOf,
        deployments: DeploymentService,
        jobs: JobService,
        objects: ObjectStore,
        trees: CachedTrees,
        logs: ReplicaLogSource,
        rows: TenantRows,
        clock: Clock,
    ) -> None:
        self._tenants = tenants
        self._work = work
        self._deployments = deployments
        self._jobs = jobs
        self._objects = objects
        self._trees = trees
        self._logs = logs
        self._rows = rows
        self._clock = clock

    async def step(self, *, again: bool = False) -> int:
        """Takes every deleted tenant as far as it can be taken now; returns how many are not wholly removed.

        `again`: those at their end, too, of which a request that was under way may have left something.
        """
        async with self._tenants.read() as tx:
            found = await tx.deleted_tenants(removed=again)
        return sum([not await self._remove(tenant) for tenant in found])

    async def _remove(self, tenant: Tenant) -> bool:
        await self._end_work(tenant.id)
        if not await self._work.ended(tenant.id):
            return False
        blobs = await self._objects.sweep(tenant.id, frozenset(), 0)
        await self._trees.prune((), 0, tenant=tenant.id)
        await self._logs.drop(await self._work.replicas(tenant.id))
        now = self._clock.now()
        rows = await self._rows.purge(tenant.id, now)
        if tenant.removed_at is None:
            async with self._tenants.write() as tx:
                await tx.save_tenant(msgspec.structs.replace(tenant, removed_at=now))
                event = TenantRemoved(blobs=len(blobs), bytes=sum(blob.size for blob in blobs), rows=rows)
                await tx.emit(Event(payload=event, tenant=DEFAULT_TENANT, subject=tenant.id, actor="system", at=now))
            log.info("removed tenant %s: %d blobs, %d rows", tenant.id, len(blobs), rows)
        return True

    async def _end_work(self, tenant: str) -> None:
        by = Principal(tenant=tenant, user="system", key="", role="owner", scopes=frozenset())
        for name in await self._work.names(tenant):
            with suppress(NotFound):
                await self._deployments.delete(by, name)
        for id in await self._work.jobs(tenant):
            with suppress(FailedPrecondition):  # it has ended by itself
                await self._jobs.cancel(tenant, by.user, id)
