"""Control's part for jobs over a home on this machine, all real: database, objects, cluster, environments, harness.

Run as a program it schedules until it is killed: `python -m tests.worlds.local_jobs HOME RUN_DIR`.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Self

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.local.workload_inputs import WorkloadInputs
from bms.adapters.environments.uv import UvEnvironments
from bms.adapters.jobs.attempt_files import NotedAttemptFiles
from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.adapters.objects.local import LocalObjectStore
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog, SqlLeases
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tables import metadata
from bms.control.jobs.attempts import Attempts
from bms.control.jobs.history import History
from bms.control.jobs.nouns import Job, JobCapacity, JobSpec
from bms.control.jobs.scheduler import SUBJECT, Scheduler
from bms.control.jobs.service import JobService
from bms.control.platform.leading import Leadership
from bms.core.clock import SystemClock

TENANT = "acme"


class LocalJobs:
    """Opens a home, and schedules its jobs from `open` to `close`; workloads run on afterwards."""

    def __init__(self, home: Path, run_dir: Path) -> None:
        clock = SystemClock()
        home.mkdir(exist_ok=True)
        self.database = Database(f"sqlite:///{home}/bms.db")
        self.store = SqlStore(self.database, SqlJobs)
        self.objects = LocalObjectStore.open(home / "objects", clock)
        environments = UvEnvironments(home, os.environ)
        trees = LocalTreeCache.open(home / "cache" / "trees", self.objects)
        supplies = WorkloadInputs(environments, trees, self.objects)
        self.cluster = LocalCluster(home, run_dir, supplies, clock, watch_s=0.05)
        files = NotedAttemptFiles.open(home / "jobs", self.cluster.files)
        history = History(self.objects, files)
        attempts = Attempts(self.store, self.cluster, files, history, clock)
        leader = Leadership(SqlLeases(self.database, clock), clock, "control").of(SUBJECT)
        room = JobCapacity(jobs=2, cpu=4, memory=1 << 40)
        self.service = JobService(self.store, self.objects, history, clock)
        self._scheduler = Scheduler(self.store, self.cluster, attempts, files, clock, lambda: room, leader)
        self._loop: asyncio.Task[None] | None = None

    async def open(self) -> Self:
        async with self.database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await self.cluster.open()
        return self

    def schedule(self) -> Self:
        self._loop = asyncio.create_task(self._scheduler.run(SqlEventLog(self.database)))
        return self

    async def close(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        await self.cluster.close()
        await self.database.close()

    async def submit(self, spec: JobSpec) -> Job:
        return await self.service.submit(TENANT, "ann", "a job", spec)

    async def until(self, job: Job, *states: str) -> Job:
        """The job once it is in one of `states`."""
        while (now := await self.service.get(TENANT, job.id)).state not in states:
            assert not now.ended, f"{now.state}: {now.error}\n{await self.log(job)}"
            await asyncio.sleep(0.05)
        return now

    async def log(self, job: Job) -> str:
        return (await self.service.log(TENANT, job.id)).content.decode()


async def main(home: str, run_dir: str) -> None:
    await (await LocalJobs(Path(home), Path(run_dir)).open()).schedule()._loop  # type: ignore[misc]


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
