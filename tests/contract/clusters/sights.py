"""What tests see of real processes, and how they wait for them."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bms.adapters.clusters import processes
from bms.adapters.clusters.local import LocalCluster
from bms.core.workload import WorkloadSpec, WorkloadStatus

PROGRAMS = Path(__file__).parent / "programs"
MakeSpec = Callable[..., WorkloadSpec]


async def until(condition: Callable[[], bool], patience_s: float = 60) -> None:
    """Waits for what other processes do, which no event of ours tells."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.01)


async def ended(cluster: LocalCluster, workload: str, patience_s: float = 60) -> WorkloadStatus:
    """The status of the workload once it ended, learnt as a reconciler learns it."""
    deadline = time.monotonic() + patience_s
    while (status := (await cluster.observe())[workload]).state != "ended":
        assert time.monotonic() < deadline, f"{workload} did not end"
        await cluster.changed(5)
    return status


def is_alive(pid: int) -> bool:
    process = processes.read(pid)
    return process is not None and process.alive


def carrying(cluster: LocalCluster, workload: str) -> list[int]:
    """Living processes with this mark, whoever started them; not those of other homes' workloads of the same id."""
    found = {pid: processes.environment(pid) for pid, process in processes.table().items() if process.alive}
    own = {"BMS_WORKLOAD": workload, "HOME": cluster.directory(workload)}
    return [pid for pid, environment in found.items() if own.items() <= environment.items()]


def facts(cluster: LocalCluster, workload: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(cluster.directory(workload), "facts.json").read_text())
    return found
