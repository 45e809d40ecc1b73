"""Reads the files that workloads wrote on a node agent's machine."""

from typing import Protocol, TypeVar

import msgspec

from bms.control.platform.objects import BlobStore
from bms.control.platform.trees import Tree, get_tree
from bms.control.platform.workload_files import Extent, FilePiece, Folder, Record
from bms.protocols.node_agent import AgentMessageDecoder, GetResult, RecordExtent, RecordPiece, StoreFolder

T = TypeVar("T")
_extent: AgentMessageDecoder[Extent | None] = AgentMessageDecoder(Extent | None)
_piece: AgentMessageDecoder[FilePiece | None] = AgentMessageDecoder(FilePiece | None)
_result: AgentMessageDecoder[bytes | None] = AgentMessageDecoder(bytes | None)
_tree: AgentMessageDecoder[str | None] = AgentMessageDecoder(str | None)


class AskAgent(Protocol):
    """A function that sends a request to the agent. Raises Unavailable while it is away, and what it raises."""

    async def __call__(self, what: msgspec.Struct, kind: "AgentMessageDecoder[T]") -> T: ...


class AgentFiles:
    """`WorkloadFiles` of another machine. Directories come as content of `objects`."""

    def __init__(self, ask: AskAgent, objects: BlobStore) -> None:
        self._ask = ask
        self._objects = objects

    async def extent(self, workload: str, record: Record) -> Extent | None:
        return await self._ask(RecordExtent(workload, record), _extent)

    async def read(self, workload: str, record: Record, offset: int, limit: int) -> FilePiece | None:
        return await self._ask(RecordPiece(workload, record, offset, limit), _piece)

    async def result(self, workload: str) -> bytes | None:
        return await self._ask(GetResult(workload), _result)

    async def store(self, tenant: str, workload: str, folder: Folder) -> Tree | None:
        """Has the agent store a folder: it puts every file and then the tree into `objects`, before it returns the
        tree's digest."""
        digest = await self._ask(StoreFolder(tenant, workload, folder), _tree)
        return None if digest is None else await get_tree(self._objects, tenant, digest)
