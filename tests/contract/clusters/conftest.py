"""A cluster of real processes, in a home of its own, with a scrap of a program as the slim part."""

import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bms.adapters.clusters.local import LocalCluster
from bms.core.clock import SystemClock
from bms.core.isolation import Level
from bms.core.resources import Resources
from bms.core.workload import WorkloadKind, WorkloadSpec
from tests.contract.clusters.sights import PROGRAMS, MakeSpec


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bms-run-") as short:
        yield Path(short)


@pytest.fixture
def make_cluster(home: Path, run_dir: Path) -> Callable[[], LocalCluster]:
    return lambda: LocalCluster(home, run_dir, str(PROGRAMS), SystemClock(), watch_s=0.05)


@pytest.fixture
async def cluster(make_cluster: Callable[[], LocalCluster]) -> AsyncIterator[LocalCluster]:
    cluster = make_cluster()
    await cluster.open()
    yield cluster
    await cluster.stop_all(grace_s=0)
    await cluster.close()


@pytest.fixture
def make_spec() -> MakeSpec:
    def make(
        id: str = "wl_1",
        kind: WorkloadKind = "job",
        memory: int = 2 * 2**30,
        cpu: float = 1.0,
        epoch: int = 1,
        owner: str = "",
        python: str = sys.executable,
        program: str = "cluster_programs",
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
            python=python,
            program=program,
            config=config,
            resources=Resources(cpu=cpu, memory=memory, **(resources or {})),
            env=env or {},
            network=network,
            isolation=isolation,
        )

    return make
