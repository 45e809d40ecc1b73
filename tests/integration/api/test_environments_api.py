"""Environments through the API, on real builds: who sees what, logs, locks, and what pruning keeps."""

import asyncio
import os
from pathlib import Path

import pytest

from bms.adapters.disk.home import HomeDisk
from bms.adapters.environments.sources import PackageSources
from bms.adapters.environments.uv import UvEnvironments
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.size import DatabaseSize
from bms.adapters.sql.environments import SqlEnvironmentUses
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.store import SqlStore
from bms.control.environments.service import EnvironmentService
from bms.control.jobs.nouns import Job, JobSpec, JobState
from bms.control.retention.disk import DiskService
from bms.core.clock import ManualClock
from bms.core.errors import FailedPrecondition
from bms.core.formats.requirement_lines import parse_lock
from bms.core.workloads.environments import EnvironmentSpec
from bms.web.api.resources import disk as disk_doors
from bms.web.api.resources import environments as doors
from tests.wheels import slim_wheels, wheel
from tests.worlds.api import Api
from tests.worlds.deployments import Registry

TINY, OTHER, BAD = (EnvironmentSpec(requirements=(name,)) for name in ("tiny", "other", "absent-thing"))


class Furnished:
    """Two tenants over one home; `acme` is not the operator's."""

    def __init__(self, database: Database, clock: ManualClock, folder: Path) -> None:
        wheels = slim_wheels(folder / "wheels")
        wheel(wheels, "tiny")
        wheel(wheels, "other")
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "UV_CACHE_DIR": str(folder / "cache")}
        sources = PackageSources(find_links=(str(wheels),), offline=True)
        self.environments = UvEnvironments(folder / "home", environ, sources=sources)
        self.clock = clock
        self.database = database
        store = SqlStore(database, SqlEnvironmentUses)
        self.service = EnvironmentService(self.environments, store, operator="default")
        disk = DiskService(HomeDisk(folder / "home"), DatabaseSize(database), self.service, operator="default")
        self.api = Api(database, clock, [*doors.endpoints(self.service), *disk_doors.endpoints(disk)])
        self.registry = Registry(database, clock)
        self.acme = ""

    async def start(self) -> "Furnished":
        await self.api.start()
        async with self.api.as_admin as admin:
            self.acme = (await admin.post("/tenants", json={"id": "acme"})).json()["key"]["text"]
        for tenant in ("default", "acme"):
            await self.registry.add_model(tenant=tenant)
        return self

    async def version(self, number: int, spec: EnvironmentSpec, tenant: str, state: str = "ready") -> None:
        await self.registry.add_version(number, tenant=tenant, environment=spec, state=state)

    async def job(self, id: str, spec: EnvironmentSpec, tenant: str, state: JobState = "queued") -> None:
        job = Job(
            id=id,
            tenant=tenant,
            name=id,
            spec=JobSpec(kind="train", entry="a.py", environment=spec),
            state=state,
            created_at=self.clock.now(),
            created_by="ann",
        )
        async with SqlStore(self.database, SqlJobs).write() as tx:
            await tx.add_job(job)

    async def seen(self, key: str | None = None) -> dict[tuple[str, ...], dict[str, object]]:
        """By requirements."""
        async with self.api.client(key or self.api.admin.key.text) as client:
            answer = await client.get("/environments")
        assert answer.status_code == 200, answer.text
        return {tuple(each["requirements"]): each for each in answer.json()["items"]}


@pytest.fixture
async def furnished(database: Database, clock: ManualClock, tmp_path: Path) -> Furnished:
    return await Furnished(database, clock, tmp_path).start()


async def test_a_tenant_sees_what_its_own_versions_and_jobs_use_and_the_operator_sees_all(
    furnished: Furnished,
) -> None:
    built = await furnished.environments.ensure(TINY)
    await furnished.version(1, TINY, "acme")
    await furnished.version(2, TINY, "acme", "offline")
    await furnished.version(3, TINY, "acme", "deleted")
    await furnished.version(1, TINY, "default")
    await furnished.job("job_1", OTHER, "default")
    await furnished.job("job_2", EnvironmentSpec(), "acme")
    ours, all_of_them = await furnished.seen(furnished.acme), await furnished.seen()
    assert {name: (each["state"], each["versions"], each["jobs"]) for name, each in ours.items()} == {
        ("tiny",): ("built", 2, 0)
    }
    assert {name: (each["state"], each["versions"], each["jobs"]) for name, each in all_of_them.items()} == {
        ("tiny",): ("built", 3, 0),
        ("other",): ("absent", 0, 1),
    }
    tiny = ours[("tiny",)]
    assert (tiny["digest"], tiny["size"], tiny["packages"]) == (built.digest, built.size, 4)
    foreign = all_of_them[("other",)]["digest"]
    async with furnished.api.client(furnished.acme) as acme:
        for path in ("", "/lock", "/log"):
            assert (await acme.get(f"/environments/{foreign}{path}")).status_code == 404
        assert (await acme.get("/environments/nonsense")).status_code == 400


async def test_pages_go_on_where_the_last_ended(furnished: Furnished) -> None:
    for number, spec in enumerate((TINY, OTHER, BAD), 1):
        await furnished.version(number, spec, "default")
    digests: list[str] = []
    cursor = ""
    async with furnished.api.as_admin as admin:
        for _ in range(3):
            page = (await admin.get(f"/environments?limit=1{cursor}")).json()
            digests += [each["digest"] for each in page["items"]]
            cursor = f"&cursor={page['next']}"
    assert page["next"] is None
    assert len(set(digests)) == 3
    assert digests == sorted(digests)


async def test_a_lock_can_be_read_and_given_back(furnished: Furnished) -> None:
    await furnished.version(1, TINY, "acme")
    digest = furnished.environments.digest(TINY)
    async with furnished.api.client(furnished.acme) as acme:
        before = await acme.get(f"/environments/{digest}/lock")
        assert (before.status_code, before.json()["code"]) == (412, "FAILED_PRECONDITION")
        await furnished.environments.ensure(TINY)
        lock = await acme.get(f"/environments/{digest}/lock")
    assert lock.headers["content-type"].startswith("text/plain")
    assert "tiny==1.0" in "".join(parse_lock(lock.text))
    again = await furnished.environments.ensure(EnvironmentSpec(lock=parse_lock(lock.text)))
    assert again.packages == 4


async def test_a_log_is_read_while_it_is_built_and_says_how_that_ended(furnished: Furnished) -> None:
    async with furnished.api.client(furnished.acme) as acme:
        for number in range(1, 9):  # on a busy machine a build may end before it is asked for
            bad = EnvironmentSpec(requirements=("tiny", f"absent-thing=={number}"))
            await furnished.version(number, bad, "acme", "verifying")
            digest = furnished.environments.digest(bad)
            begun = asyncio.Event()
            building = asyncio.create_task(furnished.environments.ensure(bad, lambda _, begun=begun: begun.set()))  # type: ignore[misc]
            await begun.wait()
            early = await acme.get(f"/environments/{digest}/log")
            with pytest.raises(FailedPrecondition):
                await building
            if early.headers["x-environment-state"] == "building":
                break
        assert early.headers["x-environment-state"] == "building"
        assert b"CPython" in early.content
        offset = early.headers["x-next-offset"]
        late = await acme.get(f"/environments/{digest}/log?offset={offset}")
        assert late.headers["x-environment-state"] == "failed"
        assert "absent-thing was not found" in late.text
        assert (await acme.get(f"/environments/{digest}/log?offset=-1")).status_code == 400


def on_disk(folder: Path) -> int:
    """Bytes that the files below take."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_dir())


async def test_the_operator_is_told_what_the_disk_holds_and_what_pruning_frees(furnished: Furnished) -> None:
    for spec in (TINY, OTHER):
        await furnished.environments.ensure(spec)
    await furnished.version(1, TINY, "acme")
    async with furnished.api.client(furnished.acme) as acme:
        assert (await acme.get("/system/disk")).status_code == 403
    async with furnished.api.as_admin as admin:
        before = (await admin.get("/system/disk")).json()
        freed = (await admin.post("/environments/prune")).json()["freed"]
        after = (await admin.get("/system/disk")).json()
    kinds = [{use["kind"]: use for use in disk["uses"]} for disk in (before, after)]
    assert kinds[0]["environments"]["command"] == "bms environment prune"
    assert 0.9 * freed < kinds[0]["environments"]["freeable"] < 1.1 * freed
    assert (kinds[1]["environments"]["freeable"], kinds[1]["environments"]["command"]) == (0, "")
    assert kinds[0]["environments"]["bytes"] - kinds[1]["environments"]["bytes"] >= freed
    assert 0 < after["bytes"] < before["bytes"] < before["size"] > before["free"]
    if furnished.database.dialect == "postgresql":  # elsewhere, and not of the home's bytes
        assert kinds[0]["database"]["bytes"] > 2**20
        assert sum(use["bytes"] for use in before["uses"]) == before["bytes"] + kinds[0]["database"]["bytes"]


async def test_pruning_keeps_what_somebody_may_need_and_tells_what_it_freed(furnished: Furnished) -> None:
    needed = [EnvironmentSpec(requirements=("tiny", name)) for name in ("numpy", "msgspec", "other")]
    gone = [TINY, OTHER, EnvironmentSpec(requirements=("tiny<9",))]
    built = {spec: await furnished.environments.ensure(spec) for spec in [*needed, *gone]}
    await furnished.version(1, needed[0], "acme")
    await furnished.version(2, needed[1], "default", "offline")
    await furnished.job("job_1", needed[2], "acme", "running")
    await furnished.version(3, gone[0], "acme", "rejected")
    await furnished.version(4, gone[1], "acme", "deleted")
    await furnished.job("job_2", gone[2], "acme", "succeeded")
    async with furnished.api.client(furnished.acme) as acme:
        refused = await acme.post("/environments/prune")
        assert (refused.status_code, refused.json()["code"]) == (403, "PERMISSION_DENIED")
    took = sum(on_disk(Path(built[spec].python).parents[2]) for spec in gone)
    async with furnished.api.as_admin as admin:
        pruned = (await admin.post("/environments/prune")).json()
    assert {each["digest"] for each in pruned["removed"]} == {built[spec].digest for spec in gone}
    assert pruned["freed"] == took
    assert all(Path(built[spec].python).exists() for spec in needed)
    assert not any(Path(built[spec].python).exists() for spec in gone)
    assert {each["state"] for each in (await furnished.seen(furnished.acme)).values()} == {"built", "absent"}
