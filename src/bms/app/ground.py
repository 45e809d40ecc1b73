"""What every feature stands on: database, objects, environments, the cluster, and the secrets of the home."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from bms.adapters.clusters.devices import NvidiaDevices
from bms.adapters.clusters.kept_logs import KeptLogs
from bms.adapters.clusters.local import LocalCluster
from bms.adapters.clusters.supplies import Supplies
from bms.adapters.environments.uv import UvEnvironments
from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.adapters.objects.local import LocalObjectStore
from bms.adapters.sql.engine import Database
from bms.adapters.sql.events import SqlEventLog, SqlLeases
from bms.adapters.vault.aes_gcm import AesGcmVault
from bms.app.home import Home
from bms.app.last_words import last_words
from bms.app.rules import WorkloadRules
from bms.control.deployments.tokens import ReplicaTokens
from bms.control.platform.allotments import smallest
from bms.control.platform.leading import Leadership
from bms.core.clock import Clock, SystemClock
from bms.core.isolation import keeps_files
from bms.core.resources import size_text


@dataclass(frozen=True)
class Ground:
    """Opened parts. `process` names this one among all controls of the platform; a restart has the same name."""

    home: Path
    database: Database
    clock: Clock
    events: SqlEventLog
    process: str
    leadership: Leadership
    objects: LocalObjectStore
    environments: UvEnvironments
    cluster: LocalCluster
    replica_logs: KeptLogs
    trees: LocalTreeCache
    pepper: bytes
    tokens: ReplicaTokens
    vault: AesGcmVault

    def device_memory(self) -> int:
        """Of the smallest GPU that the cluster gives away, in bytes; 0 where there is none."""
        return smallest([device for device, _free in self.cluster.devices()])

    async def last_words(self, workload: str) -> str:
        """The last line that a workload's process wrote."""
        return await last_words(self.cluster.files, workload)


async def open_ground(
    database: Database,
    home: Path,
    run_dir: Path,
    rules: WorkloadRules,
) -> Ground:
    """Opens everything, adopting the workloads that run. Raises BmsError."""
    clock = SystemClock()
    process = f"{socket.gethostname()}:{home}"
    objects = LocalObjectStore.open(home / "objects", clock)
    environments = UvEnvironments(home, os.environ, sources=rules.packages)
    trees = LocalTreeCache.open(home / "cache" / "trees", objects)
    supplies = Supplies(environments, trees, objects)
    cluster = LocalCluster(home, run_dir, supplies, clock, devices=NvidiaDevices(), require=rules.require_isolation)
    await cluster.open()
    environments.links = trees.links = keeps_files(cluster.isolation)
    return Ground(
        home=home,
        database=database,
        clock=clock,
        events=SqlEventLog(database),
        process=process,
        leadership=Leadership(SqlLeases(database, clock), clock, process),
        objects=objects,
        environments=environments,
        cluster=cluster,
        replica_logs=KeptLogs.open(home / "logs" / "replicas", cluster.files, clock),
        trees=trees,
        pepper=Home(home).pepper(),
        tokens=ReplicaTokens(Home(home).replicas_key()),
        vault=AesGcmVault(Home(home).masters()),
    )


def machine() -> tuple[float, int]:
    """Cores and bytes of memory that this process may use."""
    return float(len(os.sched_getaffinity(0))), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def describe(database: Database) -> str:
    """The kind of database and the machine's size, for people."""
    cores, memory = machine()
    return f"{database.dialect}, {cores:.0f} cores, {size_text(memory)}"
