"""How the platform itself is doing."""

from datetime import datetime

import msgspec

from bms.sdk.binding import D, Resource, operation
from bms.sdk.flow import Flow


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway. `revision` is the snapshot's that it routes by; `requests` counts since its start."""

    slot: int
    pid: int
    revision: int
    connections: int
    in_flight: int
    requests: int


class WorkloadView(msgspec.Struct, frozen=True, kw_only=True):
    """A model server or job. Memory in resident bytes, CPU in seconds."""

    id: str
    kind: str
    owner: str
    state: str
    started_at: datetime
    tenant: str = ""
    pid: int = 0
    memory: int = 0
    cpu_s: float = 0.0


class SystemStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Gateways, database and confinement (what keeps workloads from the platform's files, in words) are told to the
    operator's tenant alone."""

    version: str
    started_at: datetime
    snapshot: int = 0
    workloads: tuple[WorkloadView, ...] = ()
    gateways: tuple[GatewayView, ...] = ()
    database: str = ""
    confinement: str = ""


class System(Resource[D]):
    """/api/v1/system"""

    @operation
    def status(self) -> Flow[SystemStatus]:
        return self._get("/system/status", SystemStatus)
