"""Jobs run for real: processes of the local cluster, the platform's own harness, files on disk, kills."""

import asyncio
import hashlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from bms.adapters.sql.datasets import SqlDatasets
from bms.adapters.sql.events import SqlEventLog
from bms.adapters.sql.store import SqlStore
from bms.control.datasets.importing import import_job
from bms.control.datasets.nouns import ImportRequest, Source
from bms.control.datasets.service import DatasetService
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.core.clock import SystemClock
from bms.core.workloads.resources import Resources
from tests import fork_server
from tests.fork_server import Forked
from tests.worlds.homes import prepare
from tests.worlds.identities import pid_of
from tests.worlds.jobs import add_tenant, put_files
from tests.worlds.local_jobs import TENANT, LocalJobs

TRAIN = b"""
import sys

def main(job):
    rows = (job.inputs["data"] / "rows.csv").read_text().split()
    print("read", len(rows), "rows", flush=True)
    job.progress(0.5, "half way")
    job.metric("accuracy", 0.97, step=1)
    (job.output / "model").mkdir()
    (job.output / "model" / "weights").write_text("w" * job.parameters["size"])
    return {"rows": len(rows)}
"""
FAIL = b"""
def main(job):
    raise ValueError("no rows in " + job.parameters["file"])
"""
WAIT = b"""
import pathlib, time

def main(job):
    with open("mark", "a") as file:
        file.write(f"{job.attempt}\\n")
    job.progress(0.1, "waiting")
    for _ in range(3000):
        if pathlib.Path("go").exists():
            break
        time.sleep(0.02)
    (job.output / "done").write_text(pathlib.Path("mark").read_text())
"""

GOES_ON = b"""
def main(job):
    steps = job.checkpoint / "run" / "steps"
    steps.parent.mkdir(exist_ok=True)
    with steps.open("a") as file:
        file.write(f"{job.attempt}\\n")
    if job.attempt == 1:
        raise RuntimeError("the machine is gone")
    return {"steps": steps.read_text().split()}
"""
HUNGRY = b"""
import time

def main(job):
    kept = b"x" * (700 << 20)
    time.sleep(60)
"""


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bms-run-") as short:
        yield Path(short)


@pytest.fixture
async def control(tmp_path: Path, run_dir: Path) -> AsyncIterator[LocalJobs]:
    prepare(tmp_path / "home")
    control = await LocalJobs(tmp_path / "home", run_dir).open()
    await add_tenant(control.database, SystemClock(), TENANT)
    yield control
    await control.cluster.stop_all(grace_s=0)
    await control.close()


async def _script(control: LocalJobs, content: bytes, **fields: object) -> JobSpec:
    code = await put_files(control.objects, TENANT, {"job.py": content})
    return msgspec.structs.replace(JobSpec(kind="train", entry="job.py", code=code), **fields)


async def test_a_script_trains_and_its_output_log_and_progress_are_kept(control: LocalJobs) -> None:
    data = await put_files(control.objects, TENANT, {"rows.csv": b"1\n2\n3\n"})
    inputs = (TreeInput(name="data", tree=data, reference="rows@1"),)
    job = await control.submit(await _script(control, TRAIN, inputs=inputs, parameters={"size": 5}))
    control.schedule()
    done = await control.until(job, "succeeded")
    assert (done.report, done.metrics) == ({"rows": 3}, {"accuracy": 0.97})
    assert (done.progress, done.message) == (1.0, "half way")
    assert "read 3 rows" in await control.log(job)
    assert [file.path for file in (await control.service.output(TENANT, job.id)).files] == ["model/weights"]
    events = await control.service.events(TENANT, job.id)
    assert [(event.progress, event.metrics, event.step) for event in events] == [
        (0.5, {}, None),
        (None, {"accuracy": 0.97}, 1),
    ]
    while await control.cluster.observe():
        await asyncio.sleep(0.05)
    assert not Path(control.cluster.directory(done.workload)).exists()


async def test_a_script_that_raises_fails_with_its_words_and_is_tried_again(control: LocalJobs) -> None:
    job = await control.submit(await _script(control, FAIL, parameters={"file": "x.csv"}, max_attempts=2))
    control.schedule()
    done = await control.until(job, "failed")
    assert (done.error, done.attempt) == ("ValueError: no rows in x.csv (job.py, line 3)", 2)
    log = await control.log(job)
    assert log.count("Traceback (most recent call last)") == 2
    assert "attempt 2 of 2" in log


async def test_a_script_goes_on_from_what_its_last_attempt_left(control: LocalJobs) -> None:
    job = await control.submit(await _script(control, GOES_ON, max_attempts=2))
    control.schedule()
    done = await control.until(job, "succeeded")
    assert (done.attempt, done.report) == (2, {"steps": ["1", "2"]})


async def test_a_running_script_is_cancelled_and_leaves_no_process(control: LocalJobs) -> None:
    job = await control.submit(await _script(control, WAIT))
    control.schedule()
    running = await control.until(job, "running")
    while not (_work(control, job) / "mark").exists():
        await asyncio.sleep(0.02)
    pid = pid_of(control.cluster, running.workload)
    await control.service.cancel(TENANT, "ann", job.id)
    await control.until(job, "cancelled")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_script_over_its_time_or_memory_fails_and_says_so(control: LocalJobs) -> None:
    late = await control.submit(await _script(control, WAIT, timeout_s=1.5))
    greedy = await control.submit(await _script(control, HUNGRY, resources=Resources(memory=200 << 20)))
    control.schedule()
    assert (await control.until(late, "failed")).error.startswith("timed out after 1.5 s")
    ended = await control.until(greedy, "failed")
    assert ended.error.startswith("killed: used")
    assert ended.error.endswith("of 209.7 MB: `--memory 1GiB` gives it more")


@pytest.mark.parametrize("moment", ["before", "claimed", "running", "ended"])
async def test_control_is_killed_and_the_next_one_ends_every_job_once(
    control: LocalJobs, tmp_path: Path, run_dir: Path, moment: str
) -> None:
    """The job counts its own runs in a file: one line, whenever control was killed."""
    job = await control.submit(await _script(control, WAIT))
    mark, go = _work(control, job) / "mark", _work(control, job) / "go"
    mark.parent.mkdir(parents=True)
    await control.cluster.close()  # one control at a time owns a home's cluster
    first = _control(tmp_path / "home", run_dir)
    try:
        if moment != "before":
            await control.until(job, *(("starting", "running") if moment == "claimed" else ("running",)))
        if moment == "ended":
            while not mark.exists():
                await asyncio.sleep(0.02)
            os.kill(first.pid, signal.SIGSTOP)
            go.touch()
            result = Path(control.cluster.directory(f"{job.id}-a1")) / "result.json"
            while not result.exists():
                await asyncio.sleep(0.02)
    finally:
        first.kill()
        first.wait()
    second = _control(tmp_path / "home", run_dir)
    try:
        go.touch()
        done = await control.until(job, "succeeded")
    finally:
        second.kill()
        second.wait()
    assert done.attempt == 1
    (written,) = (await control.service.output(TENANT, job.id)).files
    digest = hashlib.sha256(b"1\n").hexdigest()
    assert (written.path, written.digest) == ("done", f"sha256:{digest}"), "it ran once"
    events = await SqlEventLog(control.database).since(0)
    assert [event.subject for _, event in events if event.name == "job.ended"] == [job.id]


def _work(control: LocalJobs, job: Job) -> Path:
    """Where the first attempt's script runs; of ours and its files only these are open to it."""
    return Path(control.cluster.directory(f"{job.id}-a1")) / "work"


def _control(home: Path, run_dir: Path) -> Forked:
    with open(home / "control.log", "ab") as log:
        streams = {"stdout": log.fileno(), "stderr": log.fileno()}
        return fork_server.start(fork_server.JOBS, [str(home), str(run_dir)], env=os.environ, **streams)


async def test_a_table_is_imported_as_a_data_set(control: LocalJobs) -> None:
    """What `dataset.import_requested` asks for, run by hand: request, job, ready version, statistics."""
    datasets = DatasetService(SqlStore(control.database, SqlDatasets), control.objects, SystemClock())
    rows = "".join(f"{n % 7},{n % 3}.5,{'odd' if n % 2 else 'even'}\n" for n in range(100))
    tree = await put_files(control.objects, TENANT, {"table.csv": ("a,b,parity\n" + rows).encode()})
    request = ImportRequest(source=Source(tree=tree, format="csv"), label="parity", seed=1)
    version = await datasets.start_import(TENANT, "ann", "numbers", request)
    wanted = import_job(version)
    inputs = tuple(TreeInput(name=name, tree=digest) for name, digest in wanted.inputs.items())
    job = await control.submit(JobSpec(kind="import", entry=wanted.entry, inputs=inputs, parameters=wanted.parameters))
    control.schedule()
    done = await control.until(job, "succeeded")
    ready = await datasets.finish_import(TENANT, version.id, tree=done.output, report=done.report)
    assert (ready.state, ready.reason) == ("ready", "")
    assert {name: split.rows for name, split in ready.splits.items()} == {"train": 70, "validation": 15, "test": 15}
    assert sorted(ready.labels) == ["even", "odd"]
    assert (await datasets.resolve(TENANT, "numbers")).id == version.id
    assert await datasets.statistics(TENANT, "numbers", 1) != {}
