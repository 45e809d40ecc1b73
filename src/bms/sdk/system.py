"""The platform's own state and metrics."""

from bms.api_types.system import DeviceView, GatewayView, ReactionsView, SystemStatus, WorkloadView
from bms.sdk.binding.resources import API, D, Resource, operation
from bms.sdk.transport.flow import ClientRequest, Flow

__all__ = ["DeviceView", "GatewayView", "ReactionsView", "System", "SystemStatus", "WorkloadView"]


class System(Resource[D]):
    """Reads the platform's state and metrics (`/api/v1/system`)."""

    @operation
    def status(self) -> Flow[SystemStatus]:
        return self._get("/system/status", SystemStatus)

    @operation
    def metrics(self) -> Flow[str]:
        """All processes' metrics as Prometheus text 0.0.4; for keys of the operator's tenant."""
        reply = yield from self._retrying(ClientRequest("GET", f"{API}/system/metrics"))
        return reply.content.decode()
