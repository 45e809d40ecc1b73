"""Clusters of real processes, each variant in homes of its own, with a scrap of a program as the slim part.

A variant of the port is a line in VARIANTS; tests of what only this machine's does are in `local`.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bms.adapters.objects.memory import MemoryObjectStore
from bms.control.platform.clusters import Cluster
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.isolation import Level
from bms.core.workloads.resources import Resources
from bms.core.workloads.workload import WorkloadKind, WorkloadSpec
from tests.contract.clusters.agent_cluster import opened_agent
from tests.contract.clusters.local_cluster import opened_local
from tests.contract.clusters.sights import MARK, MakeSpec

VARIANTS = {"local": opened_local, "node_agent": opened_agent}
"""By name, what opens one: (home, run_dir, objects) -> a context, at whose end nothing of it runs any more."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bms-run-") as short:
        yield Path(short)


@pytest.fixture
def objects() -> MemoryObjectStore:
    """Control's: where trees are fetched from and outputs put into."""
    return MemoryObjectStore()


@pytest.fixture(params=VARIANTS)
async def cluster(
    request: pytest.FixtureRequest, home: Path, run_dir: Path, objects: MemoryObjectStore
) -> AsyncIterator[Cluster]:
    async with VARIANTS[request.param](home, run_dir, objects) as cluster:
        yield cluster


@pytest.fixture
def make_spec() -> MakeSpec:
    def make(
        id: str = "wl_1",
        kind: WorkloadKind = "job",
        memory: int = 2 * 2**30,
        cpu: float = 1.0,
        epoch: int = 1,
        owner: str = "",
        program: str = "cluster_programs",
        requirements: tuple[str, ...] = (),
        trees: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        network: bool = False,
        isolation: Level = "none",
        resources: dict[str, Any] | None = None,
        **config: Any,
    ) -> WorkloadSpec:
        return WorkloadSpec(
            id=id,
            kind=kind,
            tenant="t",
            owner=owner or f"owner-of-{id}",
            epoch=epoch,
            program=program,
            config=config,
            resources=Resources(cpu=cpu, memory=memory, **(resources or {})),
            environment=EnvironmentSpec(requirements=requirements),
            trees=trees or {},
            env={**MARK, **(env or {})},
            network=network,
            isolation=isolation,
        )

    return make
