"""A stand-in for control: opens a cluster, starts workloads one after another, says so, and waits to be killed.

python -m tests.contract.clusters.local.controller HOME RUN_DIR MARK COUNT
"""

import asyncio
import sys
from pathlib import Path

from bms.core.workloads.resources import Resources
from bms.core.workloads.workload import WorkloadSpec
from tests.contract.clusters.local_cluster import local_cluster
from tests.worlds.identities import pid_of


async def main(home: str, run_dir: str, mark: str, count: str) -> None:
    cluster = local_cluster(Path(home), Path(run_dir))
    await cluster.open()
    print("open", flush=True)
    for number in range(int(count)):
        spec = WorkloadSpec(
            id=f"wl_{number}",
            kind="model_server",
            tenant="t",
            owner=f"replica_{number}",
            epoch=1,
            program="cluster_programs",
            config={"seconds": 600},
            resources=Resources(),
            env={"OF_TEST": mark},
        )
        status = await cluster.start(spec)
        print(status.id, pid_of(cluster, status.id), flush=True)
    print("done", flush=True)
    await asyncio.sleep(600)


asyncio.run(main(*sys.argv[1:]))
