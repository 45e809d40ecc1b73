"""A job as control runs it: in an environment of its own, with the slim part alone, as a workload of the cluster."""

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bms.adapters.clusters.local import LocalCluster
from bms.adapters.environments.uv import UvEnvironments
from bms.core.clock import SystemClock
from bms.core.environments import EnvironmentSpec
from bms.core.programs import JobConfig, JobResult
from bms.core.resources import Resources
from bms.core.workload import WorkloadSpec, WorkloadStatus
from tests.homes import place_slim_part

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
async def cluster(tmp_path: Path, environments: UvEnvironments) -> AsyncIterator[LocalCluster]:
    with tempfile.TemporaryDirectory(prefix="bms-run-") as run_dir:
        cluster = LocalCluster(tmp_path / "home", Path(run_dir), environments.slim_path(), SystemClock())
        await cluster.open()
        yield cluster
        await cluster.stop_all(grace_s=0)
        await cluster.close()


def job_of(cluster: LocalCluster, python: str, code: Path) -> WorkloadSpec:
    config = JobConfig(job="job_1", attempt=1, directory=cluster.directory("wl_1"), entry="train.py", code=str(code))
    return WorkloadSpec(
        id="wl_1",
        kind="job",
        tenant="t",
        owner="job_1",
        epoch=1,
        python=python,
        program="bms.app.job",
        config=msgspec.to_builtins(config),
        resources=Resources(),
        readable=(str(code),),
    )


async def ended(cluster: LocalCluster) -> WorkloadStatus:
    while (status := (await cluster.observe())["wl_1"]).state != "ended":
        await cluster.changed(5)
    return status


def result(status: WorkloadStatus) -> JobResult:
    return msgspec.json.decode(Path(status.directory, "result.json").read_bytes(), type=JobResult)


async def test_a_job_runs_in_its_environment_with_the_slim_part_alone(
    cluster: LocalCluster, environments: UvEnvironments, tmp_path: Path
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(SCRIPT)
    built = await environments.ensure(EnvironmentSpec(requirements=("iniconfig",)))
    await cluster.start(job_of(cluster, built.python, tmp_path / "code"))
    status = await ended(cluster)
    assert status.exit_code == 0, Path(status.directory, "job.log").read_text()
    report = result(status).report
    assert str(report["bms"]).startswith(environments.slim_path())
    assert report["absent"] == ["starlette", "sqlalchemy", "bms.control"]
    assert Path(status.directory, "output", "made").exists()


async def test_a_stopped_job_says_cancelled(
    cluster: LocalCluster, environments: UvEnvironments, tmp_path: Path
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(
        "import time\ndef main(job):\n    job.progress(0, 'ready')\n    time.sleep(600)\n"
    )
    own = await environments.ensure(EnvironmentSpec())
    status = await cluster.start(job_of(cluster, own.python, tmp_path / "code"))
    events = Path(status.directory, "events.jsonl")
    while not (events.exists() and events.stat().st_size):
        await cluster.changed(0.01)
    await cluster.stop("wl_1")
    assert result(await ended(cluster)) == JobResult(state="failed", error="cancelled")


@pytest.mark.parametrize("program", ["bms.app.job", "bms.app.model_server"])
async def test_programs_of_the_slim_part_start_where_nothing_else_of_ours_is_installed(
    environments: UvEnvironments, program: str
) -> None:
    built = await environments.ensure(EnvironmentSpec(requirements=("iniconfig",)))
    code = f"import sys; sys.path.insert(0, {environments.slim_path()!r}); import {program}"
    subprocess.run([built.python, "-I", "-c", code], check=True, timeout=60)
