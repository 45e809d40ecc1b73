"""The platform's own state and metrics."""

from bms.api_types.system import (
    DeviceView,
    Disk,
    DiskUse,
    ExpiredRecords,
    GatewayView,
    ReactionsView,
    Retention,
    SystemStatus,
    WorkloadView,
)
from bms.sdk.binding.resources import API, D, Resource, operation
from bms.sdk.transport.flow import ClientRequest, Flow

__all__ = [
    "DeviceView",
    "Disk",
    "DiskUse",
    "ExpiredRecords",
    "GatewayView",
    "ReactionsView",
    "Retention",
    "System",
    "SystemStatus",
    "WorkloadView",
]


class System(Resource[D]):
    """Reads the platform's state and metrics (`/api/v1/system`)."""

    @operation
    def status(self) -> Flow[SystemStatus]:
        return self._get("/system/status", SystemStatus)

    @operation
    def disk(self) -> Flow[Disk]:
        """What takes room in the platform's home, by kind and tenant; for keys of the operator's tenant."""
        return self._get("/system/disk", Disk)

    @operation
    def expired(self) -> Flow[Retention]:
        """How long jobs and events are kept, and what would be removed now; for owners of the operator's tenant."""
        return self._get("/system/retention", Retention)

    @operation
    def prune(self) -> Flow[Retention]:
        """Removes jobs and events that are older than they are to be kept, for some seconds: once more while there is
        `more`. For owners of the operator's tenant."""
        return self._post("/system/retention/prune", Retention)

    @operation
    def metrics(self) -> Flow[str]:
        """All processes' metrics as Prometheus text 0.0.4; for keys of the operator's tenant."""
        reply = yield from self._retrying(ClientRequest("GET", f"{API}/system/metrics"))
        return reply.content.decode()
