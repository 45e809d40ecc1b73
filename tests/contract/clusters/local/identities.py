"""Which process a workload of this machine is, as its record says."""

from pathlib import Path

from bms.adapters.clusters.local import LocalCluster
from bms.adapters.clusters.records import Records


def pid_of(cluster: LocalCluster, workload: str) -> int:
    """Also of one that has ended."""
    folder = Path(cluster.directory(workload)).parent
    (found,) = [record.pid for record in Records(folder).load() if record.spec.id == workload]
    return found
