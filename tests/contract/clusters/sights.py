"""What tests see of real processes, whatever cluster runs them, and how they wait for them."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bms.adapters.clusters.resources import processes
from bms.control.platform.clusters import Cluster
from bms.control.platform.workload_files import MAX_PIECE
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus

PROGRAMS = Path(__file__).parent / "programs"
MARK = {"OF_TEST": secrets.token_hex(8)}  # in the environment of every workload of this process of tests
MakeSpec = Callable[..., WorkloadSpec]


async def until(condition: Callable[[], bool], patience_s: float = 60) -> None:
    """Waits for what other processes do, which no event of ours tells."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.01)


async def ended(cluster: Cluster, workload: str, patience_s: float = 60) -> WorkloadStatus:
    """The status of the workload once it ended, learnt as a reconciler learns it."""
    deadline = time.monotonic() + patience_s
    while (status := (await cluster.observe())[workload]).state != "ended":
        assert time.monotonic() < deadline, f"{workload} did not end"
        await cluster.changed(5)
    return status


async def said(cluster: Cluster, workload: str) -> str:
    """All that the workload wrote to its standard output and error."""
    piece = await cluster.files.read(workload, "console", 0, MAX_PIECE)
    return "" if piece is None else (piece.note + piece.content).decode()


async def told(cluster: Cluster, workload: str, what: str) -> list[str]:
    """What follows the word `what` in lines that the program of these tests said."""
    lines = (await said(cluster, workload)).splitlines()
    return [line.removeprefix(f"{what} ") for line in lines if line.split(" ")[0] == what]


async def ready(cluster: Cluster, workload: str, patience_s: float = 60) -> None:
    """Returns once the program did what its config says, and waits."""
    deadline = time.monotonic() + patience_s
    while not await told(cluster, workload, "ready"):
        assert time.monotonic() < deadline, f"{workload} is not ready: {await said(cluster, workload)}"
        await asyncio.sleep(0.01)


async def leader(cluster: Cluster, workload: str) -> int:
    """The process id of one that has begun."""
    (pid,) = await told(cluster, workload, "started")
    return int(pid)


async def facts(cluster: Cluster, workload: str) -> dict[str, Any]:
    (line,) = await told(cluster, workload, "facts")
    found: dict[str, Any] = json.loads(line)
    return found


def is_alive(pid: int) -> bool:
    process = processes.read(pid)
    return process is not None and process.alive


def carrying(workload: str) -> list[int]:
    """Living processes with this mark, whoever started them; not those of others' workloads of the same id."""
    found = {pid: processes.environment(pid) for pid, process in processes.table().items() if process.alive}
    own = {"BMS_WORKLOAD": workload, **MARK}
    return [pid for pid, environment in found.items() if own.items() <= environment.items()]
