"""The nouns of the platform's status, as `bms status` shows it."""

from datetime import datetime

import msgspec

from bms.core.workloads.isolation import Isolation


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """One connected gateway. `revision` is that of the snapshot by which it routes; counts are since its start."""

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
    tenant: str
    owner: str
    state: str
    node: str
    memory: int
    cpu_s: float
    started_at: datetime
    gpus: tuple[str, ...] = ()


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU that workloads may be given. Memory in bytes; `free` is the memory given to nobody; `used_by` are its
    workloads."""

    index: int
    uuid: str
    name: str
    memory: int
    free: int
    used_by: tuple[str, ...] = ()


class ReactionsView(msgspec.Struct, frozen=True, kw_only=True):
    """The reactions to events that wait for another try (`waiting`) or were given up (`dead`), and since when the
    oldest."""

    waiting: int = 0
    waiting_since: datetime | None = None
    dead: int = 0
    dead_since: datetime | None = None


class SystemStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The platform's status. `snapshot` is the newest revision; `isolation` what keeps workloads in. Only the
    operator's tenant is shown gateways, devices, the database, usage events that wait for a release that reads them,
    reactions, and why a protection is missing."""

    version: str
    started_at: datetime
    snapshot: int
    workloads: tuple[WorkloadView, ...]
    gateways: tuple[GatewayView, ...] = ()
    database: str = ""
    isolation: Isolation = Isolation()
    devices: tuple[DeviceView, ...] = ()
    leading: bool = False
    unread_usage: int = 0
    unseen: str = ""  # why it can't be told what runs
    reactions: ReactionsView | None = None
