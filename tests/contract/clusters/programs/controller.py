"""A stand-in for control: opens a cluster, starts workloads one after another, says so, and waits to be killed.

python controller.py HOME RUN_DIR PROGRAMS COUNT
"""

import asyncio
import sys
from pathlib import Path

from bms.adapters.clusters.local import LocalCluster
from bms.core.clock import SystemClock
from bms.core.resources import Resources
from bms.core.workload import WorkloadSpec


async def main(home: str, run_dir: str, programs: str, count: str) -> None:
    cluster = LocalCluster(Path(home), Path(run_dir), programs, SystemClock())
    await cluster.open()
    print("open", flush=True)
    for number in range(int(count)):
        spec = WorkloadSpec(
            id=f"wl_{number}",
            kind="model_server",
            tenant="t",
            owner=f"replica_{number}",
            epoch=1,
            python=sys.executable,
            program="cluster_programs",
            config={"seconds": 600},
            resources=Resources(),
        )
        status = await cluster.start(spec)
        print(status.id, status.pid, flush=True)
    print("done", flush=True)
    await asyncio.sleep(600)


asyncio.run(main(*sys.argv[1:]))
