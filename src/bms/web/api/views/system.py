"""Converts the platform's state into answers of the API."""

from bms.api_types import system
from bms.control.monitoring.nouns import DeviceView, GatewayView, ReactionsView, SystemStatus, WorkloadView


def status(one: SystemStatus) -> system.SystemStatus:
    return system.SystemStatus(
        version=one.version,
        started_at=one.started_at,
        snapshot=one.snapshot,
        workloads=tuple(_workload(each) for each in one.workloads),
        gateways=tuple(_gateway(each) for each in one.gateways),
        database=one.database,
        isolation=one.isolation,
        devices=tuple(_device(each) for each in one.devices),
        leading=one.leading,
        unread_usage=one.unread_usage,
        unseen=one.unseen,
        reactions=None if one.reactions is None else _reactions(one.reactions),
    )


def _workload(one: WorkloadView) -> system.WorkloadView:
    return system.WorkloadView(
        id=one.id,
        kind=one.kind,
        tenant=one.tenant,
        owner=one.owner,
        state=one.state,
        node=one.node,
        memory=one.memory,
        cpu_s=one.cpu_s,
        started_at=one.started_at,
        gpus=one.gpus,
    )


def _gateway(one: GatewayView) -> system.GatewayView:
    return system.GatewayView(
        slot=one.slot,
        pid=one.pid,
        revision=one.revision,
        connections=one.connections,
        in_flight=one.in_flight,
        requests=one.requests,
    )


def _device(one: DeviceView) -> system.DeviceView:
    return system.DeviceView(
        index=one.index, uuid=one.uuid, name=one.name, memory=one.memory, free=one.free, used_by=one.used_by
    )


def _reactions(one: ReactionsView) -> system.ReactionsView:
    return system.ReactionsView(
        waiting=one.waiting, waiting_since=one.waiting_since, dead=one.dead, dead_since=one.dead_since
    )
