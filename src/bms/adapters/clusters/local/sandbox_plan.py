"""Plans the sandbox of one workload, from what this machine offers and what the workload was given."""

from bms.adapters.clusters.isolation import capabilities as probing
from bms.adapters.clusters.isolation.capabilities import IsolationMeans
from bms.adapters.clusters.isolation.roots import SCRATCH
from bms.adapters.clusters.isolation.sandbox import Sandbox
from bms.adapters.clusters.resources.limits import most_processes
from bms.core.errors import FailedPrecondition
from bms.core.workloads.isolation import Isolation, reaches, shortfall
from bms.core.workloads.workload import WorkloadSpec

_ROOM_PART = 4  # of the memory: what /tmp and /dev/shm hold is memory too, and nobody may fill all of it unseen


def enclose(spec: WorkloadSpec, means: IsolationMeans, files: dict[str, tuple[str, ...]]) -> Sandbox:
    """Plans the sandbox of `spec`, whose `files` are from `mounts.allowed`. One with network keeps all the others."""
    network = "" if spec.network else probing.network_wall(means)
    namespaces = means.namespaces if means.root or network == "namespace" else ""
    return Sandbox(
        files=files | ({"scratch": (SCRATCH,)} if means.root else {}),
        namespaces=namespaces,
        network=network,
        root=means.root,
        hide=means.hide,
        filter=means.filter,
        # Outside a user namespace the kernel would count all processes of the user.
        processes=most_processes(spec.resources.processes) if means.processes and namespaces else 0,
        room=spec.resources.memory // _ROOM_PART,
    )


def refuse(spec: WorkloadSpec, found: Isolation) -> None:
    """Raises FailedPrecondition where the workload needs more than this machine offers."""
    if not reaches(found, spec.isolation):
        raise FailedPrecondition(f"workload {spec.id} can't be started: {shortfall(found, spec.isolation)}")
