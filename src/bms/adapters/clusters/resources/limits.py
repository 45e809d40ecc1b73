"""Limits a workload's process: cores, threads, priority, open files, and its order for the out-of-memory killer."""

import contextlib
import math
import os
import resource
from collections.abc import Iterable
from pathlib import Path

from bms.core.workloads.resources import Resources
from bms.core.workloads.workload import WorkloadKind

JOB_NICE = 10
OPEN_FILES = 65_536
OOM_SCORE: dict[WorkloadKind, int] = {"model_server": 200, "job": 500}


def threads(cpu: float) -> int:
    return max(1, math.ceil(cpu))


def choose_cores(cpu: float, allowed: Iterable[int], taken: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Chooses the ceil(cpu) cores with the fewest workloads on them; all `allowed` when that is not fewer.

    `taken` holds the cores of each workload that runs.
    """
    load = dict.fromkeys(sorted(allowed), 0)
    for cores in taken:
        for core in cores:
            if core in load:
                load[core] += 1
    wanted = threads(cpu)
    if wanted >= len(load):
        return tuple(load)
    return tuple(sorted(sorted(load, key=lambda core: (load[core], core))[:wanted]))


def most_memory(limit: int) -> int:
    """The kernel's memory limit in bytes: a little more than the watcher allows, which so mostly acts first."""
    return limit + limit // 16 + 16 * 2**20


def most_processes(limit: int) -> int:
    """The kernel's limit of processes and threads, likewise."""
    return limit + max(16, limit // 8)


def fraction(cpu: float, cores: tuple[int, ...]) -> float | None:
    """The CPU quota, where `cpu` is less than the cores that were chosen; else the cores are the limit."""
    return cpu if cpu < len(cores) else None


def apply(pid: int, kind: WorkloadKind, cores: tuple[int, ...], resources: Resources) -> None:
    """Limits a process that waits at its gate; whatever it starts later inherits them.

    No limit on address space (CUDA and torch map far more than they use) and none of this kind on the number of
    processes (the kernel counts it per user, so it would hit the neighbours): see `resource_watcher` and `cgroups`.
    """
    os.sched_setaffinity(pid, cores)
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    files = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, files))
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resources.disk, resources.disk))
    # When the kernel itself runs out of memory it shall take workloads before control and gateways, jobs first.
    Path(f"/proc/{pid}/oom_score_adj").write_text(str(OOM_SCORE[kind]))
    if kind == "job":
        os.setpriority(os.PRIO_PROCESS, pid, JOB_NICE)
        # With automatic groups the kernel weighs sessions, not processes, and each workload is a session.
        # The file is absent without the feature and refuses a second change within a tenth of a second.
        with contextlib.suppress(FileNotFoundError, PermissionError, BlockingIOError):
            Path(f"/proc/{pid}/autogroup").write_text(str(JOB_NICE))
