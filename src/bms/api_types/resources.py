"""Resource limits of a model server or a job: a part of deployments and jobs."""

import msgspec

from bms.api_types.by_name import ByName


class Resources(ByName, msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one workload: CPU in cores, memory in bytes (resident, of all its processes), `processes` with their
    threads, `disk` in bytes of its own directory; `gpu` devices, with `gpu_memory` bytes of each (0: all of it)."""

    cpu: float = 1.0
    memory: int = 2 * 2**30
    gpu: int = 0
    gpu_memory: int = 0
    processes: int = 512
    disk: int = 64 * 2**30
