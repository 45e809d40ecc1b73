"""Opens what every feature needs: the database, the objects, the environments, the cluster, and the home's secrets."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.local.kept_logs import KeptLogs
from bms.adapters.clusters.local.workload_inputs import WorkloadInputs
from bms.adapters.clusters.node_agent.client import NodeAgentCluster
from bms.adapters.clusters.node_agent.far_caches import AgentEnvironments, AgentTrees
from bms.adapters.clusters.node_agent.secret import read_secret
from bms.adapters.clusters.resources.devices import NvidiaDevices
from bms.adapters.environments.uv import UvEnvironments
from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.adapters.objects.local import LocalObjectStore
from bms.adapters.replicas.connecting import connect
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog, SqlLeases
from bms.adapters.vault.aes_gcm import AesGcmVault
from bms.app.control.exit_reason import find_exit_reason
from bms.app.home.database import identity
from bms.app.home.directory import Home
from bms.app.machine import machine
from bms.app.rules import WorkloadRules
from bms.control.deployments.reconciliation.tokens import ReplicaTokens
from bms.control.platform.allotments import smallest
from bms.control.platform.environments import BuiltEnvironments
from bms.control.platform.leading import Leadership
from bms.control.platform.objects import ObjectStore
from bms.control.platform.tree_cache import CachedTrees
from bms.core.clock import Clock, SystemClock
from bms.core.errors import FailedPrecondition
from bms.core.workloads.endpoints import parse_endpoint
from bms.core.workloads.isolation import keeps_files
from bms.core.workloads.resources import size_text


class WorkloadSide(NamedTuple):
    """The machine that runs workloads, this one or a node agent's: the cluster, its environments and its tree cache."""

    cluster: LocalCluster | NodeAgentCluster
    environments: BuiltEnvironments
    trees: CachedTrees


@dataclass(frozen=True)
class Platform:
    """The opened database, objects, cluster and secrets. `process` names this control among all of the platform; a
    restart has the same name."""

    home: Path
    database: Database
    clock: Clock
    events: SqlEventLog
    process: str
    leadership: Leadership
    objects: ObjectStore
    environments: BuiltEnvironments
    cluster: LocalCluster | NodeAgentCluster
    replica_logs: KeptLogs
    trees: CachedTrees
    pepper: bytes
    tokens: ReplicaTokens
    vault: AesGcmVault

    def device_memory(self) -> int:
        """Memory of the smallest GPU that the cluster gives away, in bytes; 0 where there is none."""
        return smallest([device for device, _free in self.cluster.devices()])

    def machine(self) -> tuple[float, int]:
        """Cores and bytes of memory where workloads run. Raises Unavailable as long as that side was never reached."""
        return machine() if isinstance(self.cluster, LocalCluster) else self.cluster.machine()

    async def exit_reason(self, workload: str) -> str:
        """The last line that a workload's process wrote, for an exit that nothing else explains."""
        return await find_exit_reason(self.cluster.files, workload)


async def open_platform(
    database: Database,
    home: Path,
    run_dir: Path,
    rules: WorkloadRules,
    name: str = "",
) -> Platform:
    """Opens everything, adopting the workloads that run. `name` is this control's, of several of the home.

    Raises BmsError: FailedPrecondition for one of several that would run workloads here.
    """
    clock = SystemClock()
    process = ":".join(filter(None, (socket.gethostname(), str(home), name)))
    if name and not rules.node_agent:
        raise FailedPrecondition(
            f"control {name!r} is one of several, and only one can run workloads in its own home: give a node agent"
        )
    objects = LocalObjectStore.open(home / "objects", clock)
    if rules.node_agent:
        running = await _elsewhere(rules, objects, identity(home) or "", process)
    else:
        running = await _here(home, run_dir, rules, objects, clock)
    return Platform(
        home=home,
        database=database,
        clock=clock,
        events=SqlEventLog(database),
        process=process,
        leadership=Leadership(SqlLeases(database, clock), clock, process),
        objects=objects,
        environments=running.environments,
        cluster=running.cluster,
        replica_logs=KeptLogs.open(home / "logs" / "replicas", running.cluster.files, clock),
        trees=running.trees,
        pepper=Home(home).pepper(),
        tokens=ReplicaTokens(Home(home).replicas_key()),
        vault=AesGcmVault(Home(home).masters()),
    )


async def _here(home: Path, run_dir: Path, rules: WorkloadRules, objects: ObjectStore, clock: Clock) -> WorkloadSide:
    """The workload side on this machine, below the home."""
    environments = UvEnvironments(home, os.environ, sources=rules.packages)
    trees = LocalTreeCache.open(home / "cache" / "trees", objects)
    supplies = WorkloadInputs(environments, trees, objects)
    cluster = LocalCluster(home, run_dir, supplies, clock, devices=NvidiaDevices(), require=rules.require_isolation)
    await cluster.open()
    environments.links = trees.links = keeps_files(cluster.isolation)
    return WorkloadSide(cluster, environments, trees)


async def _elsewhere(rules: WorkloadRules, objects: ObjectStore, platform: str, process: str) -> WorkloadSide:
    """The workload side on a node agent's machine, in a home of the agent's own."""
    secret = read_secret(Path(rules.node_agent_secret))
    where = parse_endpoint(rules.node_agent)
    cluster = NodeAgentCluster(where, secret, platform, process, objects, connect, require=rules.require_isolation)
    await cluster.open()
    return WorkloadSide(cluster, AgentEnvironments(cluster), AgentTrees(cluster))


def describe(database: Database) -> str:
    """The kind of database and the machine's size, for people."""
    cores, memory = machine()
    return f"{database.dialect}, {cores:.0f} cores, {size_text(memory)}"
