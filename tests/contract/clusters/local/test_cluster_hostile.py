"""Workloads that mean harm are contained, with a clear verdict, while a neighbour answers without one failure."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.resources import limits, processes
from bms.core.workloads.workload import WorkloadStatus
from tests.contract.clusters.local.neighbours import MEANS, lacks, undisturbed
from tests.contract.clusters.sights import MakeSpec, carrying, ended, until
from tests.worlds.identities import pid_of

MB = 1_000_000
BLIND_S = 3600.0  # a watch that does not look while a test runs: what happens then, the kernel did


@pytest.fixture
async def blind(make_cluster: Callable[[], LocalCluster]) -> Any:
    cluster = make_cluster()
    cluster._watch_s = BLIND_S
    await cluster.open()
    yield cluster
    await cluster.stop_all(grace_s=0)
    await cluster.close()


async def harmed(cluster: LocalCluster, make_spec: MakeSpec, act: str, **spec: Any) -> WorkloadStatus:
    """How the workload that does `act` ended, when nothing of it is left and its neighbour was never disturbed."""
    given = {name: spec.pop(name) for name in ("with",) if name in spec}
    async with undisturbed(cluster, make_spec):
        await cluster.start(make_spec(program="hostile", act=act, **given, **spec))
        status = await ended(cluster, "wl_1")
    assert carrying("wl_1") == []
    return status


async def test_a_segmentation_fault_ends_one_alone(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    status = await harmed(cluster, make_spec, "segfault")
    assert (status.exit_code, status.verdict) == (-11, "")


async def test_allocating_without_end_is_ended_by_the_watch(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    status = await harmed(cluster, make_spec, "allocate", memory=200 * MB)
    assert status.verdict.startswith("killed: used ")
    assert status.verdict.endswith(" of 200.0 MB")


@pytest.mark.skipif(bool(lacks("memory limit")), reason=lacks("memory limit"))
@pytest.mark.parametrize("act", ["allocate", "share"])
async def test_where_the_kernel_was_faster_than_the_watch_the_verdict_is_the_same(
    blind: LocalCluster, make_spec: MakeSpec, act: str
) -> None:
    if act == "share" and not MEANS.root:
        pytest.skip("shared memory is one for all here")
    if act == "share":  # a quarter of the memory may lie in /dev/shm: then it is full, and nobody is ended
        await blind.start(make_spec(program="hostile", act=act, memory=100 * MB))
        status = await ended(blind, "wl_1")
        log = Path(blind.directory("wl_1"), "workload.log").read_text()
        assert (status.exit_code, "No space left on device" in log) == (1, True)
        return
    status = await harmed(blind, make_spec, act, memory=100 * MB)
    assert (status.exit_code, status.verdict[:13], status.verdict[-12:]) == (-9, "killed: used ", " of 100.0 MB")


@pytest.mark.skipif(bool(lacks("memory limit")), reason=lacks("memory limit"))
async def test_what_the_kernel_did_while_nobody_was_there_is_known_afterwards(
    make_cluster: Callable[[], LocalCluster], make_spec: MakeSpec
) -> None:
    first = make_cluster()
    first._watch_s = BLIND_S
    await first.open()
    spec = make_spec(program="hostile", act="allocate", memory=500 * MB)
    await first.start(spec)
    pid = pid_of(first, "wl_1")
    await first.close()
    await until(lambda: (seen := processes.read(pid)) is None or not seen.alive)
    second = make_cluster()
    await second.open()
    status = (await second.observe())["wl_1"]
    await second.close()
    assert (status.state, status.verdict[:13], status.verdict[-12:]) == ("ended", "killed: used ", " of 500.0 MB")


@pytest.mark.parametrize("act", ["fork", "escape", "start_threads"])
async def test_starting_processes_without_end_is_ended_by_the_watch(
    cluster: LocalCluster, make_spec: MakeSpec, act: str
) -> None:
    status = await harmed(cluster, make_spec, act, resources={"processes": 40})
    count, _, words = status.verdict.removeprefix("killed: ").partition(" ")
    assert words == "processes of 40"
    assert int(count) > 40


@pytest.mark.skipif(bool(lacks("process limit")), reason=lacks("process limit"))
async def test_a_fork_bomb_is_held_by_the_kernel_while_nobody_looks(blind: LocalCluster, make_spec: MakeSpec) -> None:
    most = limits.most_processes(40)
    async with undisturbed(blind, make_spec) as asked:
        await blind.start(make_spec(program="hostile", act="fork", resources={"processes": 40}))
        await until(lambda: len(carrying("wl_1")) == most)
        seen = asked.answers
        await until(lambda: asked.answers > seen + 20)
        assert len(carrying("wl_1")) == most
        await blind.stop("wl_1", grace_s=0)
    assert carrying("wl_1") == []


async def test_spinning_leaves_a_neighbour_its_answers(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    spec = make_spec(program="hostile", act="spin", cpu=1, **{"with": {"processes": 8}})
    async with undisturbed(cluster, make_spec) as asked:
        await cluster.start(spec)
        await until(lambda: len(carrying("wl_1")) == 8)
        seen = asked.answers
        await until(lambda: asked.answers > seen + 50)
        cores = {tuple(sorted(os.sched_getaffinity(pid))) for pid in carrying("wl_1")}
        assert len(cores) == 1
        assert len(cores.pop()) == 1
        await cluster.stop("wl_1", grace_s=0)


@pytest.mark.skipif("cpu" not in MEANS.cgroups, reason="no control group of version 1 for CPU time can be written")
async def test_a_fraction_of_a_core_is_kept_by_the_kernel(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    for cpu, quota in ((0.5, "10000"), (1.0, "-1")):
        workload = f"wl_{quota.strip('-')}"
        await cluster.start(make_spec(id=workload, cpu=cpu))
        pid = pid_of(cluster, workload)
        groups = dict(line.split(":")[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
        said = Path("/sys/fs/cgroup/cpu" + groups["cpu"], "cpu.cfs_quota_us").read_text().strip()
        assert said == quota


@pytest.mark.parametrize("hidden", [False, True])
async def test_filling_its_directory_is_ended_by_the_watch(
    cluster: LocalCluster, make_spec: MakeSpec, hidden: bool
) -> None:
    status = await harmed(cluster, make_spec, "fill", resources={"disk": 30 * MB}, **{"with": {"hidden": hidden}})
    assert status.verdict.startswith("killed: wrote ")
    assert status.verdict.endswith(" of 30.0 MB")


async def test_one_file_can_not_outgrow_the_limit_on_disk(blind: LocalCluster, make_spec: MakeSpec) -> None:
    status = await harmed(blind, make_spec, "grow", resources={"disk": 30 * MB})
    assert status.exit_code == 1
    assert Path(blind.directory("wl_1"), "one").stat().st_size <= 30 * MB
    assert "File too large" in Path(blind.directory("wl_1"), "workload.log").read_text()


async def test_groups_of_the_kernel_go_with_their_workloads(
    make_cluster: Callable[[], LocalCluster], make_spec: MakeSpec
) -> None:
    if not MEANS.cgroups:
        pytest.skip(f"control groups: {MEANS.why['cgroups']}")
    cluster = make_cluster()
    await cluster.open()
    await cluster.start(make_spec())
    mark = processes.environment(pid_of(cluster, "wl_1"))["BMS_HOME_MARK"]
    roots = [Path(base, f"bms-{mark}") for base in MEANS.cgroups.values()]
    assert any((root / "wl_1").exists() for root in roots)
    await cluster.stop("wl_1")
    assert not any((root / "wl_1").exists() for root in roots)
    await cluster.close()
    assert not any(root.exists() for root in roots)


async def test_limits_of_the_kernel_outlive_whoever_set_them(
    make_cluster: Callable[[], LocalCluster], make_spec: MakeSpec
) -> None:
    if "pids" not in MEANS.cgroups:
        pytest.skip("no control group of version 1 for processes can be written")
    first = make_cluster()
    await first.open()
    await first.start(make_spec(resources={"processes": 40}))
    pid = pid_of(first, "wl_1")
    await first.close()
    second = make_cluster()
    await second.open()
    groups = dict(line.split(":")[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    assert Path("/sys/fs/cgroup/pids" + groups["pids"], "pids.max").read_text().strip() == str(
        limits.most_processes(40)
    )
    await second.stop_all(grace_s=0)
    await second.close()
