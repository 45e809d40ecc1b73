"""Which process a workload of this machine is, as its record says: nobody sees it through the port."""

from pathlib import Path

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.local.records import Records


def pid_of(cluster: LocalCluster, workload: str) -> int:
    """Also of one that has ended."""
    return _pid(Path(cluster.directory(workload)).parent, workload)


def pid_in(home: Path, workload: str) -> int:
    """The same, of a platform that runs in processes of its own."""
    return _pid(home / "run" / "workloads", workload)


def _pid(folder: Path, workload: str) -> int:
    (found,) = [record.pid for record in Records(folder).load() if record.spec.id == workload]
    return found
