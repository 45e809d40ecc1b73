"""A start that fails halfway leaves no process and no record, and may be repeated."""

import errno
from pathlib import Path

import pytest

from bms.adapters.clusters.local import directories, launching
from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.local.records import Record, Records
from bms.adapters.clusters.resources import limits
from bms.core.errors import FailedPrecondition, ResourceExhausted
from tests.contract.clusters.sights import MakeSpec, carrying, said


@pytest.mark.parametrize("failing", ["starting", "running"])
async def test_a_full_disk_is_no_room(
    cluster: LocalCluster, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, home: Path, failing: str
) -> None:
    save = Records.save

    def full(records: Records, record: Record) -> None:
        if record.state == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(records, record)

    with monkeypatch.context() as patched:
        patched.setattr(Records, "save", full)
        with pytest.raises(ResourceExhausted, match="No space left"):
            await cluster.start(make_spec())
    assert carrying("wl_1") == []
    assert list((home / "run" / "workloads").glob("*.json*")) == []
    assert await cluster.observe() == {}
    assert (await cluster.start(make_spec())).state == "running"


async def test_no_more_processes_is_no_room(
    cluster: LocalCluster, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(launching.subprocess, "Popen", refuse)
    with pytest.raises(ResourceExhausted, match="no room"):
        await cluster.start(make_spec())


async def test_limits_that_can_not_be_set_let_nothing_run(
    cluster: LocalCluster, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(limits, "apply", refuse)
    with pytest.raises(FailedPrecondition, match="not permitted"):
        await cluster.start(make_spec())
    assert carrying("wl_1") == []
    assert await said(cluster, "wl_1") == ""


async def test_a_config_that_is_no_json_is_refused(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    with pytest.raises(FailedPrecondition, match="can't be written as JSON"):
        await cluster.start(make_spec(thing=object()))
    assert await cluster.observe() == {}


def test_a_directory_is_removed_with_links_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    directory = tmp_path / "workload"
    (directory / "deep").mkdir(parents=True)
    (directory / "deep" / "link").symlink_to(tmp_path / "kept")
    directories.remove(directory)
    assert not directory.exists()
    assert (tmp_path / "kept" / "file").exists()
    directories.remove(directory)
