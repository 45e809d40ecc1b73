"""Removes environments and trees from a node agent's machine that no workload uses."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from bms.control.platform.environments import EnvironmentStore
from bms.control.platform.tree_cache import TreeCache
from bms.core.errors import BmsError
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.workload import WorkloadSpec

SPARED_S = 3600.0
_log = logging.getLogger("bms.node_agent")


class AgentCache:
    """Prunes environments and trees that no known workload uses and nobody has asked for within an hour.

    `specs` are those of the workloads that it knows; `monotonic` in seconds.
    """

    def __init__(
        self,
        environments: EnvironmentStore,
        trees: TreeCache,
        specs: Callable[[], Iterable[WorkloadSpec]],
        monotonic: Callable[[], float],
        spared_s: float = SPARED_S,
    ) -> None:
        self.environments = environments
        self.trees = trees
        self._specs = specs
        self._monotonic = monotonic
        self._spared_s = spared_s
        self._asked: dict[EnvironmentSpec, float] = {}

    def mark_used(self, spec: WorkloadSpec) -> None:
        """Records that a workload is being prepared or started now."""
        self._asked[spec.environment] = self._monotonic()

    async def run(self) -> None:
        """Prunes periodically, until cancelled; not at first, since no control may have been able to connect yet."""
        while True:
            await asyncio.sleep(self._spared_s)
            try:
                await self.prune()
            except (BmsError, OSError) as error:
                _log.warning("what is kept for workloads is pruned the next time: %s", error)

    async def prune(self) -> None:
        used = [(spec.tenant, digest) for spec in self._specs() for digest in spec.trees.values()]
        trees = await self.trees.prune(used, self._spared_s)
        removed = await self.environments.prune(self.needed)
        if trees or removed.environments:
            _log.info("removed %d trees and %d environments", len(trees), len(removed.environments))

    async def needed(self) -> frozenset[str]:
        """The digests of environments that this machine still needs."""
        before = self._monotonic() - self._spared_s
        self._asked = {spec: at for spec, at in self._asked.items() if at > before}
        specs = {*self._asked, *(spec.environment for spec in self._specs())}
        return frozenset(digest for digest in await self.environments.digests(list(specs)) if digest)
