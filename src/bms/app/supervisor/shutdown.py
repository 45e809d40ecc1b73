"""Ends every process of a home, whoever started it, and removes its sockets."""

import contextlib
import shutil
import signal
import time
from collections.abc import Callable, Container

from bms.adapters.clusters.isolation import cgroups
from bms.adapters.clusters.local.records import Records
from bms.adapters.clusters.resources import processes
from bms.adapters.clusters.resources.processes import Process, ProcessIdentity
from bms.adapters.clusters.resources.variables import MARK_HOME, MARK_WORKLOAD
from bms.app.exit_codes import ExitCode, Refusal
from bms.app.home.directory import Home
from bms.app.settings import HOME_VARIABLE

KILL_PATIENCE_S = 10.0
POLL_S = 0.02


def services_of(home: Home, spare: Container[ProcessIdentity] = ()) -> list[Process]:
    """Living gateways, controls and supervisors that were started for the home, all but those in `spare`."""
    return _marked(HOME_VARIABLE, home.mark, spare)


def workloads_of(home: Home) -> list[Process]:
    """Living model servers and jobs of the home."""
    return _marked(MARK_HOME, home.mark, ())


def end_leftovers(home: Home, grace_s: float, spare: Container[ProcessIdentity] = ()) -> int:
    """Ends gateways and control, then model servers and jobs; the number of processes that there were.

    Raises Refusal when some can't be ended.
    """
    count = _end(lambda: services_of(home, spare), grace_s)
    running = {processes.environment(each.identity.pid).get(MARK_WORKLOAD, "") for each in workloads_of(home)}
    count += _end(lambda: workloads_of(home), grace_s)
    with contextlib.suppress(OSError):  # a full disk: then their ends are told as ones that nobody saw
        Records(home.run / "workloads").stopped_with_platform(running)
    cgroups.remove_all(home.mark)
    shutil.rmtree(home.sockets, ignore_errors=True)
    for name in ("endpoint.json", "processes.json", "supervisor.json"):
        (home.run / name).unlink(missing_ok=True)
    return count


def end_services(home: Home, grace_s: float, spare: Container[ProcessIdentity] = ()) -> int:
    """Ends gateways and control alone; the number of processes that there were."""
    return _end(lambda: services_of(home, spare), grace_s)


def _end(find: Callable[[], list[Process]], grace_s: float) -> int:
    first = find()
    for process in first:
        processes.send(process.identity, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while find() and time.monotonic() < deadline:
        time.sleep(POLL_S)
    if left := processes.end_all(find, patience_s=KILL_PATIENCE_S):
        raise Refusal(
            ExitCode.ERROR, f"{left} processes can't be ended; they wait in the kernel: see `ps -eo pid,stat`"
        )
    return len(first)


def _marked(variable: str, mark: str, spare: Container[ProcessIdentity]) -> list[Process]:
    return [
        process
        for pid, process in processes.table().items()
        if process.alive and process.identity not in spare and processes.environment(pid).get(variable) == mark
    ]
