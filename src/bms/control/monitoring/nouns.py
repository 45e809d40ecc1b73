"""What `bms status` shows."""

from datetime import datetime

import msgspec


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """One connected gateway. `revision` is the snapshot's that it routes by; counts are since its start."""

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
    pid: int
    memory: int
    cpu_s: float
    started_at: datetime


class SystemStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`snapshot` is the newest revision; gateways, database and confinement (what keeps workloads from the
    platform's files, in words) are shown to the operator's tenant alone."""

    version: str
    started_at: datetime
    snapshot: int
    workloads: tuple[WorkloadView, ...]
    gateways: tuple[GatewayView, ...] = ()
    database: str = ""
    confinement: str = ""
    leading: bool = False
