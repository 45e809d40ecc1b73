"""What a node agent keeps for workloads, environments and trees: as control looks at it, and how the agent prunes it."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from bms.adapters.clusters.node_agent.client import NodeAgentCluster
from bms.control.platform.environments import Environment, Environments, EnvironmentState, Needed, Removed
from bms.control.platform.tree_cache import TreeCache
from bms.core.environments import EnvironmentSpec
from bms.core.errors import BmsError
from bms.core.workload import WorkloadSpec
from bms.protocols import node_agent as said
from bms.protocols.node_agent import Body, Welcome

SPARED_S = 3600.0
_log = logging.getLogger("bms.node_agent")
_digests: Body[list[str | None]] = Body(list[str | None])
_built: Body[list[Environment]] = Body(list[Environment])
_state: Body[EnvironmentState] = Body(EnvironmentState)
_text: Body[str] = Body(str)
_bytes: Body[bytes] = Body(bytes)
_removed: Body[Removed] = Body(Removed)
_trees: Body[list[tuple[str, str]]] = Body(list[tuple[str, str]])


class AgentEnvironments:
    """`BuiltEnvironments` of another machine."""

    def __init__(self, agent: NodeAgentCluster) -> None:
        self._agent = agent
        self._names: dict[EnvironmentSpec, str | None] = {}
        self._named_by: Welcome | None = None

    async def digests(self, specs: Sequence[EnvironmentSpec]) -> list[str | None]:
        """Each is asked for once: it is the same for as long as the agent is."""
        if self._agent.welcome is not self._named_by:
            self._names, self._named_by = {}, self._agent.welcome
        unknown = tuple(dict.fromkeys(spec for spec in specs if spec not in self._names))
        if unknown:
            found = await self._agent.ask(said.EnvironmentDigests(unknown), _digests)
            self._names |= dict(zip(unknown, found, strict=True))
        return [self._names[spec] for spec in specs]

    async def built(self) -> list[Environment]:
        return await self._agent.ask(said.EnvironmentsBuilt(), _built)

    async def state(self, digest: str) -> EnvironmentState:
        return await self._agent.ask(said.EnvironmentState(digest), _state)

    async def lock(self, digest: str) -> str:
        return await self._agent.ask(said.EnvironmentLock(digest), _text)

    async def log(self, digest: str, offset: int, limit: int) -> bytes:
        return await self._agent.ask(said.EnvironmentLog(digest, offset, min(limit, said.PIECE)), _bytes)

    async def prune(self, needed: Needed) -> Removed:
        """The agent asks for `needed` again and again, and also spares what its workloads use."""
        self._agent.needed = needed
        return await self._agent.ask(said.PruneEnvironments(), _removed)


class AgentTrees:
    """`CachedTrees` of another machine, which prunes them by itself: only a tenant's that is gone are removed from here."""

    def __init__(self, agent: NodeAgentCluster) -> None:
        self._agent = agent

    async def prune(
        self, keep: Iterable[tuple[str, str]], spared_s: float, *, tenant: str | None = None
    ) -> list[tuple[str, str]]:
        return [] if tenant is None else await self._agent.ask(said.PruneTrees(tenant), _trees)


class Kept:
    """The agent's own: what no workload that it knows uses is removed, once nobody has asked for it for an hour.

    `specs` are those of the workloads that it knows; `monotonic` in seconds.
    """

    def __init__(
        self,
        environments: Environments,
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

    def asked(self, spec: WorkloadSpec) -> None:
        """Somebody gets this workload ready or starts it, now."""
        self._asked[spec.environment] = self._monotonic()

    async def run(self) -> None:
        """Prunes now and then, for ever; not at first, since nobody may have been able to ask yet."""
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
        """The digests of environments that stay for the sake of this machine."""
        before = self._monotonic() - self._spared_s
        self._asked = {spec: at for spec, at in self._asked.items() if at > before}
        specs = {*self._asked, *(spec.environment for spec in self._specs())}
        return frozenset(digest for digest in await self.environments.digests(list(specs)) if digest)
