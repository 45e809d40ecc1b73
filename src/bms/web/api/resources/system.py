"""Endpoints of the platform's own state and metrics."""

from starlette.responses import Response

from bms.api_types.system import SystemStatus
from bms.control.monitoring.service import MonitoringService
from bms.web.api.endpoint import ApiCall, Endpoint
from bms.web.api.views import system as view


def endpoints(service: MonitoringService) -> list[Endpoint]:
    async def status(call: ApiCall[None]) -> SystemStatus:
        return view.status(await service.status(call.principal))

    async def metrics(call: ApiCall[None]) -> Response:
        return Response(await service.metrics(call.principal), media_type="text/plain; version=0.0.4")

    return [
        Endpoint("GET", "/system/status", "system:read", status, "What runs, and how it is", SystemStatus),
        Endpoint(
            "GET",
            "/system/metrics",
            "system:read",
            metrics,
            "All processes' metrics (Prometheus)",
            bytes,
            media="text/plain",
        ),
    ]
