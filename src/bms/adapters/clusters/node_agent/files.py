"""What workloads of a node agent's machine wrote, read from control."""

from typing import Protocol, TypeVar

import msgspec

from bms.control.platform.objects import Contents
from bms.control.platform.trees import Tree, get_tree
from bms.control.platform.workload_files import Extent, Piece, Record
from bms.protocols.node_agent import Body, RecordExtent, RecordPiece, Result, StoreOutput

T = TypeVar("T")
_extent: Body[Extent | None] = Body(Extent | None)
_piece: Body[Piece | None] = Body(Piece | None)
_result: Body[bytes | None] = Body(bytes | None)
_tree: Body[str | None] = Body(str | None)


class AskAgent(Protocol):
    """Asks the agent. Raises Unavailable while it is away, and what it raises."""

    async def __call__(self, what: msgspec.Struct, kind: "Body[T]") -> T: ...


class AgentFiles:
    """`WorkloadFiles` of another machine. Outputs come as content of `objects`."""

    def __init__(self, ask: AskAgent, objects: Contents) -> None:
        self._ask = ask
        self._objects = objects

    async def extent(self, workload: str, record: Record) -> Extent | None:
        return await self._ask(RecordExtent(workload, record), _extent)

    async def read(self, workload: str, record: Record, offset: int, limit: int) -> Piece | None:
        return await self._ask(RecordPiece(workload, record, offset, limit), _piece)

    async def result(self, workload: str) -> bytes | None:
        return await self._ask(Result(workload), _result)

    async def store_output(self, tenant: str, workload: str) -> Tree | None:
        """The agent puts every file and then the tree into `objects`, before it says which it is."""
        digest = await self._ask(StoreOutput(tenant, workload), _tree)
        return None if digest is None else await get_tree(self._objects, tenant, digest)
