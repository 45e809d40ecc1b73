"""The caches of environments and trees on a node agent's machine, as control lists and prunes them."""

from collections.abc import Iterable, Sequence

from bms.adapters.clusters.node_agent.client import NodeAgentCluster
from bms.control.platform.environments import Environment, EnvironmentState, Needed, Removed
from bms.core.workloads.environments import EnvironmentSpec
from bms.protocols import node_agent as said
from bms.protocols.node_agent import AgentMessageDecoder, Welcome

_digests: AgentMessageDecoder[list[str | None]] = AgentMessageDecoder(list[str | None])
_built: AgentMessageDecoder[list[Environment]] = AgentMessageDecoder(list[Environment])
_state: AgentMessageDecoder[EnvironmentState] = AgentMessageDecoder(EnvironmentState)
_text: AgentMessageDecoder[str] = AgentMessageDecoder(str)
_bytes: AgentMessageDecoder[bytes] = AgentMessageDecoder(bytes)
_removed: AgentMessageDecoder[Removed] = AgentMessageDecoder(Removed)
_trees: AgentMessageDecoder[list[tuple[str, str]]] = AgentMessageDecoder(list[tuple[str, str]])


class AgentEnvironments:
    """`BuiltEnvironments` of another machine."""

    def __init__(self, agent: NodeAgentCluster) -> None:
        self._agent = agent
        self._names: dict[EnvironmentSpec, str | None] = {}
        self._named_by: Welcome | None = None

    async def digests(self, specs: Sequence[EnvironmentSpec]) -> list[str | None]:
        """The digests of specs there; each is asked for once, since it is the same for as long as the agent is."""
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
        """Prunes environments there; the agent asks for `needed` again and again, and also spares what its workloads
        use."""
        self._agent.needed = needed
        return await self._agent.ask(said.PruneEnvironments(), _removed)


class AgentTrees:
    """`CachedTrees` of another machine, which prunes by itself: from here go only those of a tenant that is gone."""

    def __init__(self, agent: NodeAgentCluster) -> None:
        self._agent = agent

    async def prune(
        self, keep: Iterable[tuple[str, str]], spared_s: float, *, tenant: str | None = None
    ) -> list[tuple[str, str]]:
        return [] if tenant is None else await self._agent.ask(said.PruneTrees(tenant), _trees)
