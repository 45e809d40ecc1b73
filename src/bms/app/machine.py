"""The size of this machine: what workloads can use of it."""

import os


def machine() -> tuple[float, int]:
    """Cores and bytes of memory that this process may use."""
    return float(len(os.sched_getaffinity(0))), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
