"""This machine's cluster as the tests of clusters open it: its programs are ours, its environment is there already."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.local.workload_inputs import WorkloadInputs
from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.adapters.objects.memory import MemoryObjectStore
from bms.control.platform.environments import Environment, EnvironmentState, EnvironmentStore, Needed, Removed
from bms.control.platform.objects import ObjectStore
from bms.core.clock import SystemClock
from bms.core.errors import FailedPrecondition, NotFound
from bms.core.workloads.environments import EnvironmentSpec
from tests.contract.clusters.sights import PROGRAMS

DIGEST = "sha256:" + "0" * 64


class OneEnvironment:
    """`EnvironmentStore` of one interpreter, this one; a requirement `broken` can't be had, and `absent` is lost again.

    The slim part are the programs of these tests.
    """

    async def ensure(self, spec: EnvironmentSpec, log: Callable[[str], None] | None = None) -> Environment:
        if log is not None:
            log("resolving")
        if "broken" in spec.requirements:
            raise FailedPrecondition("no such package: broken")
        python = "/no/such/python" if "absent" in spec.requirements else sys.executable
        return Environment(digest=DIGEST, python=python)

    def digest(self, spec: EnvironmentSpec) -> str | None:
        return None

    async def digests(self, specs: Sequence[EnvironmentSpec]) -> list[str | None]:
        return [None for _ in specs]

    async def built(self) -> list[Environment]:
        return []

    async def state(self, digest: str) -> EnvironmentState:
        return "built"

    async def lock(self, digest: str) -> str:
        raise NotFound("nothing is built here")

    async def log(self, digest: str, offset: int, limit: int) -> bytes:
        return b""

    async def prune(self, needed: Needed) -> Removed:
        return Removed()

    def slim_path(self) -> str:
        return str(PROGRAMS)


def local_cluster(
    home: Path,
    run_dir: Path,
    objects: ObjectStore | None = None,
    environments: EnvironmentStore | None = None,
    **more: Any,
) -> LocalCluster:
    """Not open yet."""
    objects = objects or MemoryObjectStore()
    supplies = WorkloadInputs(
        environments or OneEnvironment(), LocalTreeCache.open(home / "cache" / "trees", objects), objects
    )
    return LocalCluster(home, run_dir, supplies, SystemClock(), **{"watch_s": 0.05, **more})


@asynccontextmanager
async def opened_local(home: Path, run_dir: Path, objects: ObjectStore) -> AsyncIterator[LocalCluster]:
    cluster = local_cluster(home, run_dir, objects)
    await cluster.open()
    try:
        yield cluster
    finally:
        await cluster.stop_all(grace_s=0)
        await cluster.close()
