"""Memory used by the processes of a home, as this machine sees it."""

import msgspec

from bms.adapters.clusters.resources import processes
from bms.adapters.clusters.resources.variables import MARK_WORKLOAD
from bms.app.home.directory import Home
from bms.app.supervisor.shutdown import services_of, workloads_of
from bms.app.supervisor.supervisor import running


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one process: `memory` in bytes, with pages that n processes share counted as 1/n (PSS)."""

    name: str
    pid: int
    memory: int


def resident(home: Home) -> tuple[Resident, ...]:
    """The memory of each process: supervisor, control, gateways, then model servers and jobs; empty when nothing
    runs."""
    names = {}
    if seen := running(home):
        names = {each.pid: each.name for each in seen.services} | {seen.supervisor: "supervisor"}
    found = {process.identity.pid for process in services_of(home)} | set(names)
    platform = [_resident(names.get(pid, "?"), pid) for pid in sorted(found)]
    workloads = [
        _resident(processes.environment(each.identity.pid).get(MARK_WORKLOAD, "?"), each.identity.pid)
        for each in workloads_of(home)
    ]
    return tuple(each for each in [*platform, *workloads] if each.memory)


def _resident(name: str, pid: int) -> Resident:
    return Resident(name=name, pid=pid, memory=processes.proportional(pid) or 0)
