"""The reasons why the cluster ended a workload, as text: which limit, how much was used, how much was allowed."""

import signal

from bms.adapters.clusters.isolation.cgroups import OomKills
from bms.core.workloads.limits import OVER_MEMORY
from bms.core.workloads.resources import Resources, size_text


def over(limits: Resources, *, memory: int, processes: int, disk: int, hits: OomKills) -> str:
    """The limit that a running workload exceeds; empty while it keeps to all of them. Bytes, and processes with their
    threads; `hits` are what the kernel had to refuse."""
    if memory > limits.memory:
        return f"{OVER_MEMORY}{_of(memory, limits.memory)}"
    if hits.memory:
        return _by_kernel(limits, hits)
    if processes > limits.processes:
        return f"killed: {processes} processes of {limits.processes}"
    if disk > limits.disk:
        return f"killed: wrote {_of(disk, limits.disk)}"
    return ""


def ending(limits: Resources, exit_code: int | None, hits: OomKills) -> str:
    """The part of an exit reason that names a limit, for a workload that ended by itself."""
    if hits.memory and exit_code != 0:
        return _by_kernel(limits, hits)
    if exit_code == -signal.SIGXFSZ:
        return f"killed: wrote a file of more than {size_text(limits.disk)}"
    return ""


def _by_kernel(limits: Resources, hits: OomKills) -> str:
    """The kernel ends it before it is over its own limit, which is a little above the workload's."""
    return f"{OVER_MEMORY}{_of(max(hits.peak, limits.memory), limits.memory)}"


def _of(used: int, limit: int) -> str:
    return f"{size_text(used)} of {size_text(limit)}"
