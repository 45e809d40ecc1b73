"""How the platform itself is doing."""

from datetime import datetime

import msgspec

from bms.core.isolation import Isolation
from bms.sdk.binding import API, D, Resource, operation
from bms.sdk.flow import Flow, Request


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
    gpus: tuple[str, ...] = ()


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU that workloads may be given. Memory in bytes, `free`: given to nobody; `used_by` are workloads."""

    index: int
    uuid: str
    name: str
    memory: int
    free: int
    used_by: tuple[str, ...] = ()


class ReactionsView(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from events and could not be done yet (`waiting`), or at all (`dead`), and since when the oldest."""

    waiting: int = 0
    waiting_since: datetime | None = None
    dead: int = 0
    dead_since: datetime | None = None


class SystemStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`isolation` is what keeps workloads in. Gateways, devices, the database, usage events that wait for a release
    that reads them, reactions and why a protection lacks are told to the operator's tenant alone."""

    version: str
    started_at: datetime
    snapshot: int = 0
    workloads: tuple[WorkloadView, ...] = ()
    gateways: tuple[GatewayView, ...] = ()
    database: str = ""
    isolation: Isolation = Isolation()
    devices: tuple[DeviceView, ...] = ()
    unread_usage: int = 0
    reactions: ReactionsView | None = None


class System(Resource[D]):
    """/api/v1/system"""

    @operation
    def status(self) -> Flow[SystemStatus]:
        return self._get("/system/status", SystemStatus)

    @operation
    def metrics(self) -> Flow[str]:
        """All processes' metrics as Prometheus text 0.0.4; for keys of the operator's tenant."""
        reply = yield from self._retrying(Request("GET", f"{API}/system/metrics"))
        return reply.content.decode()
