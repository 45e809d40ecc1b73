"""Resolves a spec's digests on this machine: to an interpreter, and to directories that hold the trees."""

from collections.abc import Mapping
from typing import NamedTuple

from bms.control.platform.clusters import Tell
from bms.control.platform.environments import EnvironmentStore
from bms.control.platform.objects import BlobStore
from bms.control.platform.tree_cache import TreeCache
from bms.core.workloads.workload import WorkloadSpec


class ResolvedInputs(NamedTuple):
    """The resolved inputs of a workload: the path of an interpreter, and of a read-only directory by each tree's
    name."""

    python: str
    trees: Mapping[str, str] = {}


class WorkloadInputs:
    """The local stores of environments, trees and outputs that workloads use."""

    def __init__(self, environments: EnvironmentStore, trees: TreeCache, objects: BlobStore) -> None:
        self.environments = environments
        self.trees = trees
        self.objects = objects

    async def get(self, spec: WorkloadSpec, tell: Tell | None = None) -> ResolvedInputs:
        """Resolves the inputs, building and fetching what is missing. Raises what environments and trees raise."""
        environment = await self.environments.ensure(spec.environment, tell)
        trees = {name: await self.trees.path(spec.tenant, digest) for name, digest in spec.trees.items()}
        return ResolvedInputs(environment.python, trees)
