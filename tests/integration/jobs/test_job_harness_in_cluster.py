"""A job as control runs it: in an environment of its own, with the slim part alone, as a workload of the cluster."""

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.local.workload_inputs import WorkloadInputs
from bms.adapters.environments.uv import UvEnvironments
from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.adapters.objects.memory import MemoryObjectStore
from bms.core.clock import SystemClock
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.programs import CODE, JobConfig, JobResult
from bms.core.workloads.resources import Resources
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus
from tests.worlds.homes import place_slim_part
from tests.worlds.jobs import put_files

SCRIPT = """
import importlib.util
import bms, iniconfig

def main(job):
    (job.output / "made").touch()
    return {"bms": bms.__file__, "absent": [
        name for name in ("starlette", "sqlalchemy", "bms.control") if importlib.util.find_spec(name) is None
    ]}
"""


@pytest.fixture
def environments(tmp_path: Path) -> UvEnvironments:
    place_slim_part(tmp_path / "home")
    return UvEnvironments(tmp_path / "home", os.environ)


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
async def cluster(
    tmp_path: Path, environments: UvEnvironments, objects: MemoryObjectStore
) -> AsyncIterator[LocalCluster]:
    with tempfile.TemporaryDirectory(prefix="bms-run-") as run_dir:
        supplies = WorkloadInputs(environments, LocalTreeCache.open(tmp_path / "trees", objects), objects)
        cluster = LocalCluster(tmp_path / "home", Path(run_dir), supplies, SystemClock())
        await cluster.open()
        yield cluster
        await cluster.stop_all(grace_s=0)
        await cluster.close()


async def job_of(objects: MemoryObjectStore, code: str, *requirements: str) -> WorkloadSpec:
    config = JobConfig(job="job_1", attempt=1, entry="train.py")
    return WorkloadSpec(
        id="wl_1",
        kind="job",
        tenant="t",
        owner="job_1",
        epoch=1,
        program="bms.app.job",
        config=msgspec.to_builtins(config),
        resources=Resources(),
        environment=EnvironmentSpec(requirements=requirements),
        trees={CODE: await put_files(objects, "t", {"train.py": code.encode()})},
    )


async def ended(cluster: LocalCluster) -> WorkloadStatus:
    while (status := (await cluster.observe())["wl_1"]).state != "ended":
        await cluster.changed(5)
    return status


async def result(cluster: LocalCluster) -> JobResult:
    return msgspec.json.decode(await cluster.files.result("wl_1") or b"", type=JobResult)


async def test_a_job_runs_in_its_environment_with_the_slim_part_alone(
    cluster: LocalCluster, environments: UvEnvironments, objects: MemoryObjectStore
) -> None:
    await cluster.start(await job_of(objects, SCRIPT, "iniconfig"))
    status = await ended(cluster)
    assert status.exit_code == 0, await cluster.files.read("wl_1", "log", 0, 10_000)
    report = (await result(cluster)).report
    assert str(report["bms"]).startswith(environments.slim_path())
    assert report["absent"] == ["starlette", "sqlalchemy", "bms.control"]
    stored = await cluster.files.store("t", "wl_1", "output")
    assert stored is not None
    assert [file.path for file in stored.files] == ["made"]


async def test_a_stopped_job_says_cancelled(cluster: LocalCluster, objects: MemoryObjectStore) -> None:
    code = "import time\ndef main(job):\n    job.progress(0, 'ready')\n    time.sleep(600)\n"
    await cluster.start(await job_of(objects, code))
    while (events := await cluster.files.extent("wl_1", "events")) is None or not events.end:
        await cluster.changed(0.01)
    await cluster.stop("wl_1")
    await ended(cluster)
    assert await result(cluster) == JobResult(state="failed", error="cancelled")


@pytest.mark.parametrize("program", ["bms.app.job", "bms.app.model_server"])
async def test_programs_of_the_slim_part_start_where_nothing_else_of_ours_is_installed(
    environments: UvEnvironments, program: str
) -> None:
    built = await environments.ensure(EnvironmentSpec(requirements=("iniconfig",)))
    code = f"import sys; sys.path.insert(0, {environments.slim_path()!r}); import {program}"
    subprocess.run([built.python, "-I", "-c", code], check=True, timeout=60)
