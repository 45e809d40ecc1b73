"""What of the local cluster nobody sees through the port: its files, its sockets, its interpreter."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from bms.adapters.clusters.local import LocalCluster
from bms.core.errors import FailedPrecondition
from tests.contract.clusters.sights import MakeSpec, ended, ready


async def test_forgetting_removes_directory_and_record(cluster: LocalCluster, make_spec: MakeSpec, home: Path) -> None:
    await cluster.start(make_spec())
    with pytest.raises(FailedPrecondition, match="still runs"):
        await cluster.forget("wl_1")
    await cluster.stop("wl_1")
    locked = Path(cluster.directory("wl_1"), "locked")
    locked.mkdir()
    (locked / "file").touch()
    locked.chmod(0o500)
    await cluster.forget("wl_1")
    assert await cluster.observe() == {}
    assert list(home.rglob("*wl_1*")) == []
    await cluster.forget("wl_1")


async def test_what_is_prepared_in_the_directory_is_there_when_it_runs(
    cluster: LocalCluster, make_spec: MakeSpec
) -> None:
    Path(cluster.directory("wl_1")).mkdir(parents=True)
    Path(cluster.directory("wl_1"), "prepared").write_text("before")
    await cluster.start(make_spec())
    await ready(cluster, "wl_1")
    assert Path(cluster.directory("wl_1"), "prepared").read_text() == "before"


async def test_an_interpreter_that_is_not_there_is_named(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    with pytest.raises(FailedPrecondition, match="/no/such/python"):
        await cluster.start(make_spec(requirements=("absent",)))
    assert await cluster.observe() == {}
    assert (await cluster.start(make_spec())).state == "running"


async def test_addresses_differ_and_fit_a_socket(cluster: LocalCluster) -> None:
    addresses = {cluster.socket(f"{'w' * 60}_{number}") for number in range(100)}
    assert len(addresses) == 100
    assert all(len(address) <= 107 for address in addresses)


async def test_a_socket_left_behind_goes_with_its_workload(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec())
    Path(cluster.socket("wl_1")).touch()
    await cluster.stop("wl_1")
    assert not Path(cluster.socket("wl_1")).exists()


def test_ends_are_noticed_on_uvloop_too(make_cluster: Callable[[], LocalCluster], make_spec: MakeSpec) -> None:
    async def run() -> int | None:
        cluster = make_cluster()
        await cluster.open()
        await cluster.start(make_spec(seconds=0, code=3))
        status = await ended(cluster, "wl_1")
        await cluster.close()
        return status.exit_code

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == 3
