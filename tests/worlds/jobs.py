"""Jobs in tests: specs, rows, and a world of schedulers around one database and one counted cluster."""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from bms.adapters.clusters.local.workload_files import LocalWorkloadFiles
from bms.adapters.clusters.local.workload_inputs import ResolvedInputs, WorkloadInputs
from bms.adapters.jobs.attempt_files import NotedAttemptFiles
from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.adapters.objects.memory import MemoryObjectStore
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlLeases
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.control.jobs.attempts import Attempts
from bms.control.jobs.history import History
from bms.control.jobs.nouns import Job, JobCapacity, JobSpec
from bms.control.jobs.scheduler import SUBJECT, Scheduler
from bms.control.jobs.service import JobService
from bms.control.platform.clusters import Tell
from bms.control.platform.environments import Environment, Removed
from bms.control.platform.leading import Leadership
from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import FileEntry, put_tree, tree_of
from bms.control.tenants.nouns import Tenant
from bms.core.clock import Clock, ManualClock
from bms.core.errors import FailedPrecondition, NotFound
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus

SPEC = JobSpec(kind="train", entry="task:train")
ROOM = JobCapacity(jobs=100, cpu=1000, memory=1 << 50)


def job(id: str = "job_1", **fields: object) -> Job:
    """A queued job of tenant `acme`, or what `fields` say."""
    spec = msgspec.structs.replace(SPEC, **fields.pop("spec", {}))  # type: ignore[arg-type]
    given: dict[str, object] = {
        "tenant": "acme",
        "name": "a job",
        "state": "queued",
        "created_at": ManualClock().now(),
        "created_by": "ann",
        **fields,
    }
    return Job(id=id, spec=spec, **given)  # type: ignore[arg-type]


async def add_tenant(database: Database, clock: Clock, tenant: str = "acme") -> None:
    async with SqlStore(database, SqlTenants).write() as tx:
        await tx.add_tenant(Tenant(id=tenant, created_at=clock.now()))


async def put_files(objects: ObjectStore, tenant: str, files: dict[str, bytes]) -> str:
    """Stores a tree; its digest."""
    entries = []
    for path, content in files.items():
        blob = await objects.put(tenant, once(content))
        entries.append(FileEntry(path=path, digest=blob.digest, size=blob.size))
    return await put_tree(objects, tenant, tree_of(entries))


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class CountedCluster:
    """A cluster whose workloads are files and records: they end when the test says so."""

    def __init__(self, root: Path, supplies: WorkloadInputs) -> None:
        self.root = root
        self.files = LocalWorkloadFiles(self.directory, supplies.objects)
        self.supplies = supplies
        self.supplied: dict[str, ResolvedInputs] = {}
        self.starts: Counter[str] = Counter()
        self.specs: dict[str, WorkloadSpec] = {}
        self.seen: dict[str, WorkloadStatus] = {}
        self.unready: Exception | None = None  # to be raised by `prepare`
        self.refusal: Exception | None = None  # … by `start`
        self.obedient = True
        self._changed = asyncio.Event()

    async def prepare(self, spec: WorkloadSpec, tell: Tell | None = None) -> None:
        if self.unready is not None:
            raise self.unready
        self.supplied[spec.id] = await self.supplies.get(spec, tell)

    async def start(self, spec: WorkloadSpec, sealed: bytes = b"") -> WorkloadStatus:
        if self.refusal is not None:
            raise self.refusal
        await asyncio.sleep(0)
        self.starts[spec.id] += 1
        if spec.id not in self.seen:
            Path(self.directory(spec.id)).mkdir(parents=True)
            self.specs[spec.id] = spec
            self.seen[spec.id] = WorkloadStatus(
                id=spec.id,
                kind=spec.kind,
                tenant=spec.tenant,
                owner=spec.owner,
                epoch=spec.epoch,
                state="running",
                started_at=0,
            )
        return self.seen[spec.id]

    async def observe(self) -> dict[str, WorkloadStatus]:
        return dict(self.seen)

    async def stop(self, workload: str, grace_s: float | None = None) -> None:
        if self.obedient and workload in self.seen:
            self.end(workload, exit_code=-15)

    async def forget(self, workload: str) -> None:
        if workload in self.seen and self.seen[workload].state == "running":
            raise FailedPrecondition(f"{workload} runs")
        self.seen.pop(workload, None)
        shutil.rmtree(self.directory(workload), ignore_errors=True)

    def directory(self, workload: str) -> str:
        return str(self.root / workload)

    async def changed(self, timeout_s: float) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return
        self._changed.clear()

    @property
    def running(self) -> list[str]:
        return [id for id, status in self.seen.items() if status.state == "running"]

    def end(
        self,
        workload: str,
        *,
        exit_code: int | None = 0,
        verdict: str = "",
        result: dict[str, object] | bytes | None = None,
        output: dict[str, bytes] | None = None,
        checkpoint: dict[str, bytes] | None = None,
    ) -> None:
        """The workload ends, leaving these files."""
        directory = Path(self.directory(workload))
        for folder, files in (("output", output), ("checkpoint", checkpoint)):
            for path, content in (files or {}).items():
                (directory / folder / path).parent.mkdir(parents=True, exist_ok=True)
                (directory / folder / path).write_bytes(content)
        if result is not None:
            (directory / "result.json").write_bytes(
                result if isinstance(result, bytes) else json.dumps(result).encode()
            )
        status = self.seen[workload]
        if status.state == "running":
            self.seen[workload] = msgspec.structs.replace(status, state="ended", exit_code=exit_code, verdict=verdict)
        self._changed.set()

    def write(self, workload: str, name: str, content: str) -> None:
        with open(Path(self.directory(workload)) / name, "a") as file:
            file.write(content)


class CountedEnvironments:
    """Environments that are built at once, unless `gate` is closed; a requirement `broken` can't be."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    async def ensure(self, spec: EnvironmentSpec, log: Callable[[str], None] | None = None) -> Environment:
        if log is not None:
            log("resolving")
        await self.gate.wait()
        if "broken" in spec.requirements:
            raise FailedPrecondition("no such package: broken")
        return Environment(digest="sha256:" + "0" * 64, python="/python")

    async def built(self) -> list[Environment]:
        return []

    async def prune(self, keep: frozenset[str]) -> Removed:
        raise NotFound("nothing is built here")

    def slim_path(self) -> str:
        return "/slim"


class World:
    """One database, one cluster, and as many schedulers as a test wants."""

    def __init__(self, database: Database, folder: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.database = database
        self.store = SqlStore(database, SqlJobs)
        self.objects = MemoryObjectStore(clock)
        self.environments = CountedEnvironments()
        trees = LocalTreeCache.open(folder / "cache", self.objects)
        self.cluster = CountedCluster(folder / "work", WorkloadInputs(self.environments, trees, self.objects))
        self.files = NotedAttemptFiles.open(folder / "notes", self.cluster.files)
        self.history = History(self.objects, self.files)
        self.service = JobService(self.store, self.objects, self.history, clock)

    def scheduler(self, holder: str = "one", capacity: JobCapacity = ROOM) -> Scheduler:
        attempts = Attempts(self.store, self.cluster, self.files, self.history, self.clock)
        leader = Leadership(SqlLeases(self.database, self.clock), self.clock, holder).of(SUBJECT)
        return Scheduler(self.store, self.cluster, attempts, self.files, self.clock, lambda: capacity, leader)

    async def submit(self, tenant: str = "acme", **spec: object) -> Job:
        wanted = msgspec.structs.replace(SPEC, **spec)
        return await self.service.submit(tenant, "ann", "a job", wanted)

    async def get(self, job: Job) -> Job:
        return await self.service.get(job.tenant, job.id)

    async def rounds(self, scheduler: Scheduler, count: int = 4) -> None:
        """Steps with all slow work done in between: nothing is left that a further step would do."""
        for _ in range(count):
            await scheduler.step()
            await scheduler.idle()
            self.clock.advance(0.5)
