"""Use cases of monitoring: status and metrics, seen by a tenant or by the operator."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime

from bms.control.monitoring.exposition import merge
from bms.control.monitoring.nouns import DeviceView, GatewayView, ReactionsView, SystemStatus, WorkloadView
from bms.control.platform.clusters import Cluster
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import BmsError, PermissionDenied, Unavailable
from bms.core.workloads.devices import Device
from bms.core.workloads.isolation import told
from bms.core.workloads.workload import WorkloadStatus

log = logging.getLogger("bms.monitoring")
Texts = Callable[[], Iterable[tuple[dict[str, str], str]]]


class MonitoringService:
    """Status and metrics. `operator` is the tenant that may see everything; `texts` give (labels, Prometheus text) of
    processes, `more` those of the database, `devices` GPUs with the bytes of their memory that are free."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        *,
        version: str,
        operator: str,
        database: str,
        gateways: Callable[[], Sequence[GatewayView]],
        snapshot: Callable[[], int],
        leading: Callable[[], bool],
        texts: Sequence[Texts],
        reactions: Callable[[], Awaitable[ReactionsView]],
        more: Callable[[], Awaitable[str]],
        devices: Callable[[], Sequence[tuple[Device, int]]] = lambda: (),
        unread_usage: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._cluster = cluster
        self._version = version
        self._started_at = clock.now()
        self._operator = operator
        self._database = database
        self._gateways = gateways
        self._snapshot = snapshot
        self._leading = leading
        self._texts = texts
        self._devices = devices
        self._unread_usage = unread_usage
        self._reactions = reactions
        self._more = more

    async def status(self, by: Principal) -> SystemStatus:
        all_of_it = by.tenant == self._operator
        running, unseen = await self._running()
        workloads = [_view(workload) for workload in running if all_of_it or workload.tenant == by.tenant]
        isolation = self._cluster.isolation
        return SystemStatus(
            version=self._version,
            started_at=self._started_at,
            snapshot=self._snapshot(),
            workloads=tuple(sorted(workloads, key=lambda view: (view.kind, view.id))),
            gateways=tuple(self._gateways()) if all_of_it else (),
            database=self._database if all_of_it else "",
            isolation=isolation if all_of_it else told(isolation),
            devices=tuple(_device(*each, running) for each in self._devices()) if all_of_it else (),
            leading=self._leading(),
            unread_usage=await self._unread_usage() if all_of_it and self._unread_usage else 0,
            unseen=unseen if all_of_it or not unseen else "the cluster can't be seen now",
            reactions=await self._reactions() if all_of_it else None,
        )

    async def _running(self) -> tuple[list[WorkloadStatus], str]:
        """The workloads that run, or why that is not known."""
        try:
            return [each for each in (await self._cluster.observe()).values() if each.state == "running"], ""
        except Unavailable as error:
            return [], error.message

    async def metrics(self, by: Principal) -> str:
        """The merged metrics of all processes. Raises PermissionDenied unless asked by the operator: they name all
        tenants' deployments."""
        if by.tenant != self._operator:
            raise PermissionDenied("only the operator's tenant may read the platform's metrics")
        try:
            counted = await self._more()
        except BmsError as error:  # what processes say must be seen just then
            log.warning("metrics of the database are missing: %s", error.message)
            counted = ""
        return merge([({}, counted), *(source for texts in self._texts for source in texts())])


def _device(device: Device, free: int, running: Iterable[WorkloadStatus]) -> DeviceView:
    return DeviceView(
        index=device.index,
        uuid=device.uuid,
        name=device.name,
        memory=device.memory,
        free=free,
        used_by=tuple(sorted(each.id for each in running if device.uuid in each.gpus)),
    )


def _view(workload: WorkloadStatus) -> WorkloadView:
    return WorkloadView(
        id=workload.id,
        kind=workload.kind,
        tenant=workload.tenant,
        owner=workload.owner,
        state=workload.state,
        node=workload.node,
        memory=workload.memory,
        cpu_s=workload.cpu_ns / 1e9,
        gpus=workload.gpus,
        started_at=datetime.fromtimestamp(workload.started_at / 1e9, UTC),
    )
