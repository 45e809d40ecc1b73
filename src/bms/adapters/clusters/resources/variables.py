"""Builds the environment variables of a workload's process: scrubbed, marked, with thread counts, and telemetry
switched off."""

from collections.abc import Iterable
from pathlib import Path

from bms.adapters.clusters.resources import devices, limits
from bms.core.workloads.devices import Device
from bms.core.workloads.workload import WorkloadSpec

MARK_WORKLOAD = "BMS_WORKLOAD"
MARK_HOME = "BMS_HOME_MARK"

QUIET = {  # libraries that report home unless told not to
    "ORT_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
MALLOC = {  # glibc maps and unmaps every large buffer by default, which costs image tensors a factor of three
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),  # the most that glibc accepts
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
    "MALLOC_TOP_PAD_": str(16 * 2**20),
}


def environment_variables(
    spec: WorkloadSpec, python: str, directory: Path, home_mark: str, gpus: Iterable[Device] = ()
) -> dict[str, str]:
    """Builds all environment variables of the workload's process, whose interpreter is `python`; none of ours are
    inherited."""
    threads = str(limits.threads(spec.resources.cpu))
    return {
        "PATH": f"{Path(python).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(directory),
        "TMPDIR": str(directory / "tmp"),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "passive",
        **MALLOC,
        **QUIET,
        **spec.env,
        **devices.variables(gpus),
        MARK_WORKLOAD: spec.id,
        MARK_HOME: home_mark,
    }
