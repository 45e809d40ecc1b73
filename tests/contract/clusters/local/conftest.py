"""The cluster of this machine, and nothing but that."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.objects.memory import MemoryObjectStore
from tests.contract.clusters.local_cluster import local_cluster, opened_local


@pytest.fixture
def make_cluster(home: Path, run_dir: Path, objects: MemoryObjectStore) -> Callable[[], LocalCluster]:
    return lambda: local_cluster(home, run_dir, objects)


@pytest.fixture
async def cluster(home: Path, run_dir: Path, objects: MemoryObjectStore) -> AsyncIterator[LocalCluster]:
    async with opened_local(home, run_dir, objects) as cluster:
        yield cluster
