"""Workloads outlive the process that started them, whenever it is killed."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.resources import processes
from bms.app.home.directory import Home
from bms.app.supervisor.shutdown import end_leftovers
from tests.contract.clusters.sights import MARK, MakeSpec, carrying, ended, is_alive, ready, told, until
from tests.sizes import enough
from tests.worlds.identities import pid_of

MakeCluster = Callable[[], LocalCluster]
ROOT = Path(__file__).parents[4]


@asynccontextmanager
async def controller(home: Path, run_dir: Path, count: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.contract.clusters.local.controller"),
        *(str(home), str(run_dir), MARK["OF_TEST"], str(count)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    return (await process.stdout.readline()).decode().strip()


@asynccontextmanager
async def opened(make_cluster: MakeCluster) -> AsyncIterator[LocalCluster]:
    """A cluster that is closed like a control that goes, leaving its workloads."""
    cluster = make_cluster()
    await cluster.open()
    try:
        yield cluster
    finally:
        await cluster.close()


async def running(cluster: LocalCluster) -> set[int]:
    return {pid_of(cluster, id) for id, status in (await cluster.observe()).items() if status.state == "running"}


async def test_a_killed_controllers_workload_is_adopted_and_its_end_noticed(
    make_cluster: MakeCluster, home: Path, run_dir: Path
) -> None:
    async with controller(home, run_dir, 1) as process:
        assert await line(process) == "open"
        _, pid = (await line(process)).split()
        process.kill()
    async with opened(make_cluster) as cluster:
        status = (await cluster.observe())["wl_0"]
        assert (status.state, status.owner, pid_of(cluster, "wl_0")) == ("running", "replica_0", int(pid))
        os.kill(int(pid), signal.SIGKILL)
        status = await ended(cluster, "wl_0")
        assert status.exit_code is None


async def test_what_is_ended_with_the_platform_is_known_as_that_and_what_ended_before_is_not(
    make_cluster: MakeCluster, make_spec: MakeSpec, home: Path
) -> None:
    async with opened(make_cluster) as cluster:
        await cluster.start(make_spec())
        await ready(cluster, "wl_1")
        await cluster.start(make_spec(id="wl_2"))
        await ready(cluster, "wl_2")
        before = pid_of(cluster, "wl_2")
    os.kill(before, signal.SIGKILL)
    await until(lambda: not is_alive(before))
    await asyncio.to_thread(end_leftovers, Home(home), 5.0)
    async with opened(make_cluster) as cluster:
        seen = await cluster.observe()
        assert {id: (each.state, each.platform_stopped) for id, each in seen.items()} == {
            "wl_1": ("ended", True),
            "wl_2": ("ended", False),
        }


async def test_an_adopted_workload_is_stopped_with_its_children(make_cluster: MakeCluster, make_spec: MakeSpec) -> None:
    async with opened(make_cluster) as cluster:
        await cluster.start(make_spec(fork="plain"))
        await ready(cluster, "wl_1")
    async with opened(make_cluster) as cluster:
        assert len(carrying("wl_1")) == 2
        await cluster.stop("wl_1")
        assert carrying("wl_1") == []
        assert (await cluster.observe())["wl_1"].state == "ended"


async def test_limits_hold_for_an_adopted_workload(make_cluster: MakeCluster, make_spec: MakeSpec) -> None:
    async with opened(make_cluster) as cluster:
        spec = make_spec(memory=2**40, allocate=100_000_000)
        await cluster.start(spec)
        await ready(cluster, "wl_1")
        pid = pid_of(cluster, "wl_1")
        record = next(Path(cluster.directory("wl_1")).parent.glob("wl_1.json"))
    record.write_text(record.read_text().replace(str(2**40), "50000000"))
    async with opened(make_cluster) as cluster:
        ending = await ended(cluster, "wl_1")
        assert ending.verdict.endswith("of 50.0 MB")
        assert not is_alive(pid)


async def test_a_workload_that_ended_meanwhile_is_seen_as_ended(make_cluster: MakeCluster, make_spec: MakeSpec) -> None:
    async with opened(make_cluster) as cluster:
        await cluster.start(make_spec(fork="plain"))
        await ready(cluster, "wl_1")
        pid = pid_of(cluster, "wl_1")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(carrying("wl_1")) == 1
    async with opened(make_cluster) as cluster:
        seen = (await cluster.observe())["wl_1"]
        assert (seen.state, seen.exit_code) == ("ended", None)
        assert carrying("wl_1") == []
        assert (await cluster.start(make_spec())).state == "ended"
    async with opened(make_cluster) as cluster:
        assert (await cluster.observe())["wl_1"] == seen


async def test_a_stranger_of_the_same_pid_is_not_taken_for_the_workload(
    make_cluster: MakeCluster, make_spec: MakeSpec, home: Path
) -> None:
    async with opened(make_cluster) as cluster:
        await cluster.start(make_spec())
        await ready(cluster, "wl_1")  # so that the clock ticks in between
        pid = pid_of(cluster, "wl_1")
        await cluster.stop("wl_1")
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        record = home / "run" / "workloads" / "wl_1.json"
        text = record.read_text().replace('"state":"ended"', '"state":"running"')
        record.write_text(text.replace(f'"pid":{pid}', f'"pid":{stranger.pid}'))
        async with opened(make_cluster) as cluster:
            assert (await cluster.observe())["wl_1"].state == "ended"
        assert is_alive(stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()


async def test_marked_processes_without_a_record_are_ended_and_other_homes_left_alone(
    make_cluster: MakeCluster, make_spec: MakeSpec, home: Path, tmp_path: Path, run_dir: Path
) -> None:
    async with opened(make_cluster) as cluster:
        await cluster.start(make_spec())
        await ready(cluster, "wl_1")
        orphan = pid_of(cluster, "wl_1")
    (home / "run" / "workloads" / "wl_1.json").unlink()
    mark = processes.environment(orphan)["BMS_HOME_MARK"]
    neighbour = subprocess.Popen(
        ["sleep", "600"], env={"BMS_WORKLOAD": "wl_1", "BMS_HOME_MARK": mark[::-1], "PATH": os.environ["PATH"]}
    )
    try:
        async with opened(make_cluster) as cluster:
            assert not is_alive(orphan)
            assert await cluster.observe() == {}
        assert is_alive(neighbour.pid)
    finally:
        neighbour.kill()
        neighbour.wait()


async def test_an_unfinished_start_is_as_if_it_never_was(
    make_cluster: MakeCluster, make_spec: MakeSpec, home: Path
) -> None:
    async with opened(make_cluster) as cluster:
        await cluster.start(make_spec())
        await cluster.stop("wl_1")
    record = home / "run" / "workloads" / "wl_1.json"
    record.write_text(record.read_text().replace('"state":"ended"', '"state":"starting"'))
    (home / "run" / "workloads" / "wl_2.json.new").write_text("{")
    async with opened(make_cluster) as cluster:
        assert await cluster.observe() == {}
        assert list(record.parent.glob("*.json*")) == []
        assert (await cluster.start(make_spec())).state == "running"
        await cluster.stop_all(grace_s=0)


async def test_an_unreadable_record_is_put_aside_and_its_process_ended(
    make_cluster: MakeCluster, make_spec: MakeSpec, home: Path
) -> None:
    async with opened(make_cluster) as cluster:
        await cluster.start(make_spec())
        pid = pid_of(cluster, "wl_1")
    record = home / "run" / "workloads" / "wl_1.json"
    record.write_text("{")
    async with opened(make_cluster) as cluster:
        assert await cluster.observe() == {}
        assert not is_alive(pid)
    assert record.with_name("wl_1.json.unreadable").read_text() == "{"


@pytest.mark.parametrize("seed", range(enough(3, 8)))
async def test_killed_at_any_instant_every_process_is_known_and_none_started_twice(
    make_cluster: MakeCluster, make_spec: MakeSpec, home: Path, run_dir: Path, seed: int
) -> None:
    """Each life of the controller is killed somewhere in its starts; the next one starts the same workloads."""
    instants = random.Random(seed)
    workloads = [f"wl_{number}" for number in range(3)]
    try:
        for _ in range(3):
            async with controller(home, run_dir, len(workloads)) as process:
                assert await line(process) == "open"
                await asyncio.sleep(instants.uniform(0, 0.03))
                process.kill()
            async with opened(make_cluster) as cluster:
                # One that waited at its gate when its starter died takes a moment to end by itself.
                async with asyncio.timeout(30):
                    while await running(cluster) != {pid for workload in workloads for pid in carrying(workload)}:
                        await asyncio.sleep(0.01)
                for workload in workloads:
                    starts = await told(cluster, workload, "started")
                    assert not starts or workload in await cluster.observe()
                    assert len(starts) <= 1
    finally:
        async with opened(make_cluster) as cluster:
            await cluster.stop_all(grace_s=0)
    assert all(carrying(workload) == [] for workload in workloads)
