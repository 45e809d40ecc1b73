"""Converts the platform's state into answers of the API."""

from bms.api_types import system
from bms.control.monitoring.nouns import DeviceView, GatewayView, ReactionsView, SystemStatus, WorkloadView
from bms.control.retention.nouns import DiskUse, DiskView, ExpiredRecords, Retained


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


def disk(one: DiskView) -> system.Disk:
    return system.Disk(uses=tuple(_use(each) for each in one.uses), bytes=one.bytes, size=one.size, free=one.free)


def _use(one: DiskUse) -> system.DiskUse:
    return system.DiskUse(
        kind=one.kind,
        tenant=one.tenant,
        files=one.files,
        bytes=one.bytes,
        freeable=one.freeable,
        command=one.command,
    )


def retention(one: Retained) -> system.Retention:
    return system.Retention(
        keep_jobs_s=one.policy.jobs_s,
        keep_events_s=one.policy.events_s,
        expired=tuple(_expired(each) for each in one.expired),
        more=one.more,
    )


def _expired(one: ExpiredRecords) -> system.ExpiredRecords:
    return system.ExpiredRecords(kind=one.kind, tenant=one.tenant, count=one.count, before=one.before)


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
