"""What is kept where a node agent runs: control looks at it, and what nobody uses is removed."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bms.adapters.clusters.node_agent.far_caches import AgentEnvironments, AgentTrees
from bms.adapters.clusters.node_agent.kept import AgentCache
from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.adapters.objects.memory import MemoryObjectStore
from bms.control.platform.environments import Environment, EnvironmentStore, Needed, Removed
from bms.core.clock import ManualClock
from bms.core.errors import NotFound
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.resources import Resources
from bms.core.workloads.workload import WorkloadSpec
from tests.integration.platforms.test_node_agent_connection import Agent, agent_of, connected
from tests.worlds.jobs import put_files

ONE, TWO, THREE = (EnvironmentSpec(requirements=(name,)) for name in ("one", "two", "three"))


def name_of(spec: EnvironmentSpec) -> str:
    return f"sha256:{spec.requirements[0]}"


class Built:
    """`EnvironmentStore` that are built already, named by what they hold."""

    def __init__(self, *specs: EnvironmentSpec) -> None:
        self.there = [name_of(spec) for spec in specs]

    async def digests(self, specs: list[EnvironmentSpec]) -> list[str | None]:
        return [name_of(spec) if spec.requirements else None for spec in specs]

    async def built(self) -> list[Environment]:
        return [Environment(digest=digest, python="/python", version="3.11") for digest in self.there]

    async def state(self, digest: str) -> str:
        return "built" if digest in self.there else "absent"

    async def lock(self, digest: str) -> str:
        if digest not in self.there:
            raise NotFound(f"environment {digest} is not built")
        return "one==1.0\n"

    async def log(self, digest: str, offset: int, limit: int) -> bytes:
        return b"resolving\n"[offset : offset + limit]

    async def prune(self, needed: Needed) -> Removed:
        gone = [each for each in await self.built() if each.digest not in await needed()]
        self.there = [digest for digest in self.there if digest in await needed()]
        return Removed(environments=tuple(gone), freed=len(gone))


class World:
    """One agent's caches, and a control that looks at them."""

    def __init__(self, folder: Path, objects: MemoryObjectStore) -> None:
        self.clock = ManualClock()
        self.environments = Built(ONE, TWO, THREE)
        self.trees = LocalTreeCache.open(folder / "trees", objects)
        self.specs: list[WorkloadSpec] = []
        of: EnvironmentStore = self.environments  # type: ignore[assignment]
        self.kept = AgentCache(of, self.trees, lambda: self.specs, self.clock.monotonic, spared_s=3600.0)


@pytest.fixture
def store() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
def world(tmp_path: Path, store: MemoryObjectStore) -> World:
    return World(tmp_path, store)


@pytest.fixture
async def agent(tmp_path: Path, world: World) -> AsyncIterator[Agent]:
    async with agent_of(tmp_path / "identity", world.kept) as running:
        yield running


def workload(id: str, environment: EnvironmentSpec, **trees: str) -> WorkloadSpec:
    return WorkloadSpec(
        id=id,
        kind="job",
        tenant="t",
        owner=id,
        epoch=1,
        program="bms.app.job",
        config={},
        resources=Resources(),
        environment=environment,
        trees=trees,
    )


async def test_control_sees_the_environments_of_the_node(agent: Agent, store: MemoryObjectStore) -> None:
    async with connected(agent.control(store)) as cluster:
        there = AgentEnvironments(cluster)
        assert await there.digests([ONE, EnvironmentSpec(), ONE]) == [name_of(ONE), None, name_of(ONE)]
        assert [each.digest for each in await there.built()] == [name_of(each) for each in (ONE, TWO, THREE)]
        assert await there.state(name_of(ONE)) == "built"
        assert await there.state("sha256:never") == "absent"
        assert await there.lock(name_of(ONE)) == "one==1.0\n"
        assert await there.log(name_of(ONE), 3, 4) == b"olvi"
        with pytest.raises(NotFound, match="is not built"):
            await there.lock("sha256:never")


async def test_what_control_or_the_node_needs_stays_when_control_prunes(
    agent: Agent, store: MemoryObjectStore, world: World
) -> None:
    world.specs = [workload("job_1", TWO)]

    async def needed() -> frozenset[str]:
        return frozenset({name_of(ONE)})

    async with connected(agent.control(store)) as cluster:
        removed = await AgentEnvironments(cluster).prune(needed)
        assert [each.digest for each in removed.environments] == [name_of(THREE)]
        assert removed.freed == 1
    assert world.environments.there == [name_of(ONE), name_of(TWO)]


async def test_only_the_trees_of_a_tenant_that_is_gone_are_removed_by_control(
    agent: Agent, store: MemoryObjectStore, world: World
) -> None:
    mine = await put_files(store, "t", {"a": b"content"})
    for tenant in ("t", "other"):
        await world.trees.path(tenant, await put_files(store, tenant, {"a": b"content"}))
    async with connected(agent.control(store)) as cluster:
        assert await AgentTrees(cluster).prune((), 0) == []
        assert await AgentTrees(cluster).prune((), 0, tenant="t") == [("t", mine)]


async def test_the_agent_removes_what_nothing_uses_and_nobody_asked_for_in_an_hour(
    store: MemoryObjectStore, world: World
) -> None:
    used, lately, old = [await put_files(store, "t", {"a": name}) for name in (b"used", b"lately", b"old")]
    paths = {tree: Path(await world.trees.path("t", tree)) for tree in (used, lately, old)}
    for tree in (used, old):
        os.utime(paths[tree], (time.time() - 7200,) * 2)
    world.specs = [workload("job_1", ONE, code=used)]
    world.kept.mark_used(workload("job_2", TWO))
    world.clock.advance(3000)
    await world.kept.prune()
    assert world.environments.there == [name_of(ONE), name_of(TWO)]
    assert {tree for tree, path in paths.items() if path.exists()} == {used, lately}
    world.clock.advance(1000)
    await world.kept.prune()
    assert world.environments.there == [name_of(ONE)]


async def test_a_prune_that_fails_is_no_end_of_pruning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = 0

    async def failing() -> None:
        nonlocal rounds
        rounds += 1
        raise OSError(5, "the disk is in trouble")

    monkeypatch.setattr(world.kept, "_spared_s", 0.001)
    monkeypatch.setattr(world.kept, "prune", failing)
    running = asyncio.create_task(world.kept.run())
    async with asyncio.timeout(10):
        while rounds < 3:
            await asyncio.sleep(0.002)
    assert not running.done()
    running.cancel()
