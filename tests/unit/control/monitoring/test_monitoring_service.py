"""Everybody sees their own processes; the operator sees the platform."""

import pytest

from bms.control.monitoring.nouns import GatewayView, ReactionsView
from bms.control.monitoring.service import MonitoringService
from bms.core.access.principal import Principal
from bms.core.clock import ManualClock
from bms.core.errors import PermissionDenied, Unavailable
from bms.core.workloads.devices import Device
from bms.core.workloads.isolation import Protection, isolation
from bms.core.workloads.workload import WorkloadStatus

GATEWAY = GatewayView(slot=0, pid=9, revision=7, connections=1, in_flight=0, requests=3)


def _workload(id: str, tenant: str, state: str = "running") -> WorkloadStatus:
    return WorkloadStatus(
        id=id,
        kind="job",
        tenant=tenant,
        owner=id,
        epoch=1,
        state=state,  # type: ignore[arg-type]
        node="here",
        started_at=1_700_000_000_000_000_000,
        memory=5,
        cpu_ns=1_500_000_000,
        gpus=("GPU-1",) if id == "a" else (),
    )


FOUND = isolation(
    (Protection(name="files", how="Landlock 7"), Protection(name="view", lacking="unshare: this kernel refuses it"))
)
GPU = Device(index=0, uuid="GPU-1", name="Big", memory=80)


class Cluster:
    isolation = FOUND

    async def observe(self) -> dict[str, WorkloadStatus]:
        seen = [_workload("b", "acme"), _workload("a", "default"), _workload("c", "acme", "ended")]
        return {workload.id: workload for workload in seen}


async def _three() -> int:
    return 3


async def _reactions() -> ReactionsView:
    return ReactionsView(waiting=2, dead=1)


async def _counted() -> str:
    return "waiting 2\n"


@pytest.fixture
def service() -> MonitoringService:
    return MonitoringService(
        Cluster(),  # type: ignore[arg-type]
        ManualClock(),
        version="1",
        operator="default",
        database="sqlite",
        gateways=lambda: [GATEWAY],
        snapshot=lambda: 7,
        leading=lambda: True,
        devices=lambda: [(GPU, 30)],
        unread_usage=_three,
        reactions=_reactions,
        more=_counted,
        texts=[lambda: [({"gateway": "0"}, "up 1\n")], lambda: [({}, "down 0\n")]],
    )


def _by(tenant: str) -> Principal:
    return Principal(tenant=tenant, user="u", key="k", role="owner", scopes=frozenset())


async def test_the_operator_sees_all_that_runs(service: MonitoringService) -> None:
    status = await service.status(_by("default"))
    assert [workload.id for workload in status.workloads] == ["a", "b"], "ended ones are left out"
    assert (status.gateways, status.database, status.snapshot) == ((GATEWAY,), "sqlite", 7)
    assert status.workloads[0].cpu_s == 1.5
    assert status.unread_usage == 3


async def test_a_tenant_sees_its_own(service: MonitoringService) -> None:
    status = await service.status(_by("acme"))
    assert [workload.id for workload in status.workloads] == ["b"]
    assert (status.gateways, status.database, status.unread_usage) == ((), "", 0)


async def test_the_operator_sees_why_a_protection_lacks_and_who_has_which_gpu(service: MonitoringService) -> None:
    status = await service.status(_by("default"))
    assert status.isolation == FOUND
    (device,) = status.devices
    assert (device.name, device.memory, device.free, device.used_by) == ("Big", 80, 30, ("a",))


async def test_a_tenant_sees_what_is_on_but_nothing_of_the_machine(service: MonitoringService) -> None:
    status = await service.status(_by("acme"))
    assert status.isolation.level == FOUND.level
    assert {each.name: each.on for each in status.isolation.protections} == {"files": True, "view": False}
    assert "kernel" not in str(status.isolation)
    assert status.devices == ()


async def test_metrics_are_the_operators_alone(service: MonitoringService) -> None:
    assert await service.metrics(_by("default")) == 'waiting 2\nup{gateway="0"} 1\ndown 0\n'
    with pytest.raises(PermissionDenied, match="operator"):
        await service.metrics(_by("acme"))


async def test_what_processes_say_is_told_while_the_database_is_away(
    service: MonitoringService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> str:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(service, "_more", away)
    assert await service.metrics(_by("default")) == 'up{gateway="0"} 1\ndown 0\n'


async def test_what_was_not_done_is_counted_for_the_operator_alone(service: MonitoringService) -> None:
    assert (await service.status(_by("default"))).reactions == ReactionsView(waiting=2, dead=1)
    assert (await service.status(_by("acme"))).reactions is None


async def test_what_can_not_be_seen_is_said_and_the_rest_is_told(
    service: MonitoringService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: Cluster) -> dict[str, WorkloadStatus]:
        raise Unavailable("the node agent at tcp+tls:10.0.0.5:7443 can't be reached: no route")

    assert (await service.status(_by("default"))).unseen == ""
    monkeypatch.setattr(Cluster, "observe", away)
    status = await service.status(_by("default"))
    assert (status.unseen, status.workloads) == (
        "the node agent at tcp+tls:10.0.0.5:7443 can't be reached: no route",
        (),
    )
    assert status.gateways == (GATEWAY,)
    assert "10.0.0.5" not in (await service.status(_by("acme"))).unseen
    assert (await service.status(_by("acme"))).unseen
