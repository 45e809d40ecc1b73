"""What only a node agent's cluster has to keep: several controls at once, and an agent that dies."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bms.adapters.clusters.node_agent.client import NodeAgentCluster
from bms.adapters.objects.memory import MemoryObjectStore
from bms.core.errors import FailedPrecondition, Unavailable
from tests.contract.clusters.agent_cluster import AgentProcess
from tests.contract.clusters.sights import MakeSpec, carrying, ended, is_alive, leader, ready, told
from tests.worlds.jobs import put_files

PATIENCE_S = 60.0


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[AgentProcess]:
    agent = AgentProcess(tmp_path / "elsewhere" / "home")
    try:
        await agent.start()
        yield agent
    finally:
        await agent.end()


@contextlib.asynccontextmanager
async def control(agent: AgentProcess, objects: MemoryObjectStore) -> AsyncIterator[NodeAgentCluster]:
    cluster = agent.client(objects)
    await cluster.open()
    try:
        yield cluster
    finally:
        await cluster.close()


async def seen_again(cluster: NodeAgentCluster) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(Unavailable):
                await cluster.observe()
                return
            await asyncio.sleep(0.02)


async def blind(cluster: NodeAgentCluster) -> None:
    """Returns once the loss is known; from then on everything is refused as something that may pass."""
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(Unavailable):
            while True:
                await cluster.observe()
                await asyncio.sleep(0.01)


async def test_two_controls_start_a_workload_once_and_both_see_it(
    agent: AgentProcess, objects: MemoryObjectStore, make_spec: MakeSpec
) -> None:
    async with control(agent, objects) as one, control(agent, objects) as other:
        spec = make_spec(kind="model_server", listen=True)
        first, second = await asyncio.gather(one.start(spec), other.start(spec))
        await ready(one, "wl_1")
        assert first == second
        assert carrying("wl_1") == [await leader(other, "wl_1")]
        assert (await one.observe())["wl_1"].endpoint == (await other.observe())["wl_1"].endpoint == first.endpoint
        await one.stop("wl_1")
        assert (await ended(other, "wl_1")).exit_code == -15


async def test_the_control_that_leads_fences_the_one_that_did(
    agent: AgentProcess, objects: MemoryObjectStore, make_spec: MakeSpec
) -> None:
    async with control(agent, objects) as former, control(agent, objects) as leading:
        await leading.start(make_spec(id="wl_2", owner="job_1", epoch=8))
        with pytest.raises(FailedPrecondition, match="epoch 8 already"):
            await former.start(make_spec(id="wl_1", owner="job_1", epoch=7))
        assert set(await former.observe()) == {"wl_2"}


async def test_a_killed_agent_leaves_workloads_running_and_the_next_one_adopts_them(
    agent: AgentProcess, objects: MemoryObjectStore, make_spec: MakeSpec
) -> None:
    async with control(agent, objects) as cluster:
        before = await cluster.start(make_spec(kind="model_server", listen=True))
        await cluster.start(make_spec(id="wl_2", seconds=3))
        await ready(cluster, "wl_1")
        await ready(cluster, "wl_2")
        pid = await leader(cluster, "wl_1")
        short = await leader(cluster, "wl_2")
        await agent.kill()
        await blind(cluster)
        with pytest.raises(Unavailable):
            await cluster.start(make_spec(id="wl_3"))
        with pytest.raises(Unavailable):
            await cluster.files.result("wl_1")
        async with asyncio.timeout(PATIENCE_S):
            while is_alive(short):
                await asyncio.sleep(0.02)
        await agent.start()
        await seen_again(cluster)
        seen = await cluster.observe()
        assert (seen["wl_1"].state, seen["wl_1"].endpoint, is_alive(pid)) == ("running", before.endpoint, True)
        assert (seen["wl_2"].state, seen["wl_2"].exit_code) == ("ended", None)  # nobody saw how
        assert (await cluster.start(make_spec(kind="model_server", listen=True))).started_at == before.started_at
        assert await told(cluster, "wl_1", "started") == [str(pid)]
        assert set(seen) == {"wl_1", "wl_2"}


async def test_an_agent_that_is_told_to_end_ends_alone(
    agent: AgentProcess, objects: MemoryObjectStore, make_spec: MakeSpec
) -> None:
    async with control(agent, objects) as cluster:
        await cluster.start(make_spec())
        await ready(cluster, "wl_1")
        pid = await leader(cluster, "wl_1")
        await agent.kill(signal.SIGTERM)
        assert is_alive(pid)
        await agent.end()
        assert not is_alive(pid)
        await agent.start()
        await seen_again(cluster)
        status = (await cluster.observe())["wl_1"]
        assert (status.state, status.platform_stopped) == ("ended", True)


async def test_a_control_that_dies_while_it_is_asked_for_content_leaves_the_next_one_to_go_on(
    agent: AgentProcess, objects: MemoryObjectStore, make_spec: MakeSpec
) -> None:
    gate, asked = asyncio.Event(), asyncio.Event()

    class Slow(MemoryObjectStore):
        async def read(self, tenant: str, digest: str, offset: int = 0) -> AsyncIterator[bytes]:
            asked.set()
            await gate.wait()
            async for chunk in objects.read(tenant, digest, offset):
                yield chunk

    slow = Slow()
    tree = await put_files(slow, "t", {"a": b"first"})
    assert await put_files(objects, "t", {"a": b"first"}) == tree
    spec = make_spec(trees={"artifact": tree})
    async with control(agent, slow) as first:
        preparing = asyncio.create_task(first.prepare(spec))
        async with asyncio.timeout(PATIENCE_S):
            await asked.wait()
    with pytest.raises(Unavailable):
        await preparing
    gate.set()
    async with control(agent, objects) as second:
        await second.prepare(spec)
        await second.start(spec)
        await ready(second, "wl_1")
