"""What of the local cluster nobody sees through the port: its files, its sockets, its interpreter."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.control.platform.environments import Environment
from bms.core.errors import FailedPrecondition
from bms.core.workloads.environments import EnvironmentSpec
from tests.contract.clusters.local_cluster import OneEnvironment, local_cluster
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


class Unbuilt(OneEnvironment):
    """One that is built for ever."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def ensure(self, spec: EnvironmentSpec, log: Callable[[str], None] | None = None) -> Environment:
        self.began.set()
        await asyncio.Event().wait()
        return await super().ensure(spec, log)


@pytest.mark.parametrize("by", ["stop", "close"])
async def test_a_start_that_waits_for_its_environment_is_given_up(
    home: Path, run_dir: Path, make_spec: MakeSpec, by: str
) -> None:
    environments = Unbuilt()
    cluster = local_cluster(home, run_dir, environments=environments)
    await cluster.open()
    starting = asyncio.create_task(cluster.start(make_spec()))
    await environments.began.wait()
    async with asyncio.timeout(30):
        if by == "stop":
            await cluster.stop("wl_1")
        await cluster.close()
    with pytest.raises(FailedPrecondition, match="given up before it began"):
        await starting
    assert list((home / "run" / "workloads").glob("*.json*")) == []


async def test_a_workload_that_the_former_release_started_is_adopted(
    make_cluster: Callable[[], LocalCluster], make_spec: MakeSpec, home: Path
) -> None:
    """Its record has paths where this release has digests; where it listens is where its replica's row says."""
    first = make_cluster()
    await first.open()
    status = await first.start(make_spec(id="rep_1", kind="model_server", listen=True))
    await ready(first, "rep_1")
    await first.close()
    record = home / "run" / "workloads" / "rep_1.json"
    mine = json.loads(record.read_bytes())
    former = json.loads((Path(__file__).parent / "former_record.json").read_bytes())
    former |= {name: mine[name] for name in ("pid", "start_ticks", "boot", "started_at", "cores")}
    former["spec"]["config"]["socket"] = first.socket("rep_1")
    record.write_text(json.dumps(former))
    second = make_cluster()
    await second.open()
    try:
        seen = (await second.observe())["rep_1"]
        assert (seen.state, seen.owner, seen.epoch, seen.tenant) == ("running", "rep_1", 7, "default")
        assert seen.endpoint == status.endpoint == f"unix:{former['spec']['config']['socket']}"
        assert (await second.start(make_spec(id="rep_1", owner="rep_1", epoch=8))).started_at == seen.started_at
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(former["spec"]["config"]["socket"])
        assert (await second.files.extent("rep_1", "console")) is not None
        await second.stop("rep_1")
        await second.forget("rep_1")
    finally:
        await second.stop_all(grace_s=0)
        await second.close()
