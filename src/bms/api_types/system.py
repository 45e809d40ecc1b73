"""/api/v1/system: the platform's own state."""

from datetime import datetime

import msgspec

from bms.core.workloads.isolation import Isolation


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one connected gateway. `revision` is the snapshot's that it routes by; counts are since its
    start."""

    slot: int
    pid: int
    revision: int
    connections: int
    in_flight: int
    requests: int


class WorkloadView(msgspec.Struct, frozen=True, kw_only=True):
    """One process started for a tenant: a model server or a job. Memory in resident bytes, CPU in seconds."""

    id: str
    kind: str
    tenant: str = ""
    owner: str
    state: str
    node: str = ""
    memory: int = 0
    cpu_s: float = 0.0
    started_at: datetime
    gpus: tuple[str, ...] = ()


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU that workloads may be given. Memory in bytes, `free`: given to nobody; `used_by` are their workloads."""

    index: int
    uuid: str
    name: str
    memory: int
    free: int
    used_by: tuple[str, ...] = ()


class ReactionsView(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of event handlers' work that waits for a retry (`waiting`) or was given up (`dead`), and since when the
    oldest."""

    waiting: int = 0
    waiting_since: datetime | None = None
    dead: int = 0
    dead_since: datetime | None = None


class SystemStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the platform. `snapshot` is the newest revision. `isolation` is what keeps workloads in; gateways,
    devices, the database, usage events that wait for a release that reads them, reactions and why a protection lacks
    are shown to the operator's tenant alone. `unseen` is why running workloads can't be listed now: `workloads` are
    then none."""

    version: str
    started_at: datetime
    snapshot: int = 0
    workloads: tuple[WorkloadView, ...] = ()
    gateways: tuple[GatewayView, ...] = ()
    database: str = ""
    isolation: Isolation = Isolation()
    devices: tuple[DeviceView, ...] = ()
    leading: bool = False
    unread_usage: int = 0
    unseen: str = ""
    reactions: ReactionsView | None = None
