"""GPUs are given by count and memory, seen by their owners alone, kept through a restart; the devices are made up."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.core.errors import ResourceExhausted
from bms.core.workloads.devices import Device
from tests.contract.clusters.local_cluster import local_cluster
from tests.contract.clusters.sights import MakeSpec, ended

GB = 10**9


class TwoDevices:
    """Two made up ones; the first one's file is any file."""

    def __init__(self, node: Path) -> None:
        self.node = node

    def list(self) -> tuple[Device, ...]:
        return (
            Device(index=0, uuid="GPU-a", name="Made up", memory=80 * GB, nodes=(str(self.node),)),
            Device(index=1, uuid="GPU-b", name="Made up", memory=40 * GB),
        )


Opened = Callable[[], AbstractAsyncContextManager[LocalCluster]]


@pytest.fixture
def opened(home: Path, run_dir: Path, tmp_path: Path) -> Opened:
    node = tmp_path / "nvidia0"
    node.write_text("a device")

    @asynccontextmanager
    async def open_cluster() -> AsyncIterator[LocalCluster]:
        cluster = local_cluster(home, run_dir, devices=TwoDevices(node))
        await cluster.open()
        try:
            yield cluster
        finally:
            await cluster.close()

    return open_cluster


def gpu(count: int, memory: int = 0) -> dict[str, Any]:
    return {"resources": {"gpu": count, "gpu_memory": memory}}


async def said_of(cluster: LocalCluster, spec: Any) -> dict[str, str]:
    await cluster.start(spec)
    assert (await ended(cluster, spec.id)).exit_code == 0
    said: dict[str, str] = json.loads(Path(cluster.directory(spec.id), "said.json").read_text())
    return said


async def test_only_its_owner_sees_a_device(opened: Opened, make_spec: MakeSpec, tmp_path: Path) -> None:
    attempts = {
        "cuda": ["variable", "CUDA_VISIBLE_DEVICES"],
        "nvidia": ["variable", "NVIDIA_VISIBLE_DEVICES"],
        "file": ["read", str(tmp_path / "nvidia0")],
    }
    async with opened() as cluster:
        env = {"CUDA_VISIBLE_DEVICES": "GPU-b"}  # what a tenant asks for in words counts for nothing
        owner = make_spec(id="owner", program="hostile", attempts=attempts, env=env, **gpu(1, 60 * GB))
        other = make_spec(id="other", program="hostile", attempts=attempts, env=env)
        assert await said_of(cluster, owner) == {"cuda": "done: GPU-a", "nvidia": "done: GPU-a", "file": "done: 61"}
        said = await said_of(cluster, other)
        assert (said["cuda"], said["nvidia"]) == ("done: ", "done: void")
        assert said["file"].startswith("denied")


async def test_what_is_given_is_gone_until_its_owner_ends(opened: Opened, make_spec: MakeSpec) -> None:
    async with opened() as cluster:
        assert (await cluster.start(make_spec(id="both", **gpu(2)))).gpus == ("GPU-b", "GPU-a")
        with pytest.raises(
            ResourceExhausted, match=r"none can be given now \(free memory by device: 0: 0 B of 80.0 GB"
        ):
            await cluster.start(make_spec(id="late", **gpu(1)))
        assert "late" not in await cluster.observe()
        await cluster.stop("both", grace_s=0)
        assert (await cluster.start(make_spec(id="late", **gpu(1)))).gpus == ("GPU-b",)
        await cluster.stop_all(grace_s=0)


async def test_a_device_is_shared_by_memory(opened: Opened, make_spec: MakeSpec) -> None:
    async with opened() as cluster:
        given = [(await cluster.start(make_spec(id=f"wl_{n}", **gpu(1, 20 * GB)))).gpus[0] for n in range(6)]
        assert given == ["GPU-b", "GPU-b", "GPU-a", "GPU-a", "GPU-a", "GPU-a"]
        with pytest.raises(ResourceExhausted, match=r"1 GPU with 20\.0 GB free asked for"):
            await cluster.start(make_spec(id="wl_6", **gpu(1, 20 * GB)))
        assert [free for _, free in cluster.devices()] == [0, 0]
        await cluster.stop_all(grace_s=0)
        assert [free for _, free in cluster.devices()] == [80 * GB, 40 * GB]


async def test_assignments_outlive_whoever_made_them(opened: Opened, make_spec: MakeSpec) -> None:
    async with opened() as cluster:
        assert (await cluster.start(make_spec(**gpu(1, 50 * GB)))).gpus == ("GPU-a",)
    async with opened() as cluster:
        assert (await cluster.observe())["wl_1"].gpus == ("GPU-a",)
        assert [free for _, free in cluster.devices()] == [30 * GB, 40 * GB]
        with pytest.raises(ResourceExhausted, match="none can be given"):
            await cluster.start(make_spec(id="wl_2", **gpu(1, 50 * GB)))
        await cluster.stop_all(grace_s=0)


async def test_a_start_that_fails_gives_its_devices_back(opened: Opened, make_spec: MakeSpec) -> None:
    async with opened() as cluster:
        with pytest.raises(Exception, match="no interpreter"):
            await cluster.start(make_spec(requirements=("absent",), **gpu(2)))
        assert [free for _, free in cluster.devices()] == [80 * GB, 40 * GB]
