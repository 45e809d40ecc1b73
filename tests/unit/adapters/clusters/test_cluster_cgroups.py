"""Control groups of both versions, on trees of plain files that stand for the kernel's."""

import os
from pathlib import Path

import pytest

from bms.adapters.clusters.isolation.cgroups import ControlGroups, OomKills, candidates

VERSION_1 = """cgroup /c/memory cgroup rw,memory 0 0
cgroup /c/cpu cgroup rw,cpu,cpuacct 0 0
cgroup /c/pids cgroup rw,pids 0 0
"""
VERSION_2 = "cgroup2 /c cgroup2 rw,nsdelegate 0 0\n"


@pytest.mark.parametrize(
    ("mounts", "own", "expected"),
    [
        (
            VERSION_1,
            "4:memory:/ours\n3:cpu,cpuacct:/\n2:pids:/\n",
            [{"memory": "/c/memory/ours", "cpu": "/c/cpu", "pids": "/c/pids"}],
        ),
        (VERSION_2, "0::/some/of-ours\n", [{"unified": "/c/some/of-ours"}, {"unified": "/c/some"}]),
        (VERSION_2, "0::/\n", [{"unified": "/c"}]),
        ("proc /proc proc rw 0 0\n", "0::/\n", []),
    ],
)
def test_groups_are_sought_below_and_beside_ones_own(mounts: str, own: str, expected: list[dict[str, str]]) -> None:
    assert list(candidates(mounts, own)) == expected


def kernel_files(group: Path, *names: str) -> None:
    """What the kernel makes with a group."""
    group.mkdir(parents=True)
    for name in names:
        (group / name).touch()


def test_limits_of_version_2_are_written_into_one_group(tmp_path: Path) -> None:
    root = tmp_path / "bms-mark"
    kernel_files(root, "cgroup.subtree_control")
    kernel_files(
        root / "wl", "memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max", "cgroup.procs"
    )
    groups = ControlGroups({"unified": str(tmp_path)}, "mark")
    groups.make("wl", 77, memory=1000, processes=20, cpu=0.5)
    said = {path.name: path.read_text() for path in (root / "wl").iterdir()}
    assert said == {
        "memory.max": "1000", "memory.swap.max": "0", "memory.oom.group": "1",
        "pids.max": "20", "cpu.max": "10000 20000", "cgroup.procs": "77",
    }  # fmt: skip


def test_what_the_kernel_refused_is_read_in_both_versions(tmp_path: Path) -> None:
    kernel_files(tmp_path / "bms-mark" / "wl")
    groups = ControlGroups({"unified": str(tmp_path)}, "mark")
    assert groups.hits("wl") == OomKills()
    (tmp_path / "bms-mark" / "wl" / "memory.events").write_text("low 0\noom 4\noom_kill 3\n")
    (tmp_path / "bms-mark" / "wl" / "memory.peak").write_text("555\n")
    assert groups.hits("wl") == OomKills(memory=3, peak=555)
    assert groups.hits("unknown") == OomKills()
    old = ControlGroups({"memory": str(tmp_path / "m")}, "mark")
    kernel_files(tmp_path / "m" / "bms-mark" / "wl")
    (tmp_path / "m" / "bms-mark" / "wl" / "memory.oom_control").write_text("under_oom 0\noom_kill 1\n")
    (tmp_path / "m" / "bms-mark" / "wl" / "memory.max_usage_in_bytes").write_text("444\n")
    assert old.hits("wl") == OomKills(memory=1, peak=444)


def test_groups_that_nobody_needs_are_removed(tmp_path: Path) -> None:
    for name in ("kept", "left"):
        kernel_files(tmp_path / "bms-mark" / name)
    groups = ControlGroups({"pids": str(tmp_path)}, "mark")
    groups.close(frozenset({"kept"}))
    assert os.listdir(tmp_path / "bms-mark") == ["kept"]
    groups.remove("kept")
    groups.close()
    assert os.listdir(tmp_path) == []


def test_a_limit_that_the_kernel_has_no_file_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"pids\.max"):
        ControlGroups({"pids": str(tmp_path)}, "mark").make("wl", 1, memory=1, processes=1, cpu=None)
