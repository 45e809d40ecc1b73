"""Transfers content by digest over an agent's connection: it reads inputs from control, and sends the outputs of
jobs."""

import asyncio
import errno
import hashlib
import itertools
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path, PurePath
from typing import Any, BinaryIO, cast

from bms.adapters.clusters.node_agent.peer import Peer
from bms.control.platform.objects import Blob, BlobStore
from bms.core.cancellation import in_thread, opened
from bms.core.digest import check_digest
from bms.core.errors import DataLoss, InvalidArgument, NotFound, ResourceExhausted, Unavailable
from bms.protocols.node_agent import PIECE, AgentMessageDecoder, Give, ReadBlob, Stat, Take

_size: AgentMessageDecoder[int | None] = AgentMessageDecoder(int | None)
_content: AgentMessageDecoder[bytes] = AgentMessageDecoder(bytes)
_stored: AgentMessageDecoder[tuple[str, int]] = AgentMessageDecoder(tuple[str, int])


class ControlsObjects:
    """The agent's `BlobStore`: the store that all connected controls share. Every digest is checked here, whatever the
    other side says; what a reader of one control was lost with is read on from another."""

    def __init__(self) -> None:
        self._controls: list[Peer] = []
        self._sources: dict[int, _Source] = {}
        self._ids = itertools.count(1)

    def connected(self, control: Peer) -> None:
        self._controls.append(control)

    def lost(self, control: Peer) -> None:
        self._controls.remove(control)

    async def stat(self, tenant: str, digest: str) -> Blob | None:
        size = await self._ask(Stat(tenant, check_digest(digest)), _size)
        return None if size is None else Blob(digest=digest, size=size)

    async def read(self, tenant: str, digest: str, offset: int = 0) -> AsyncIterator[bytes]:
        running, at = hashlib.sha256(), offset
        # The next piece is on its way while the last one is written.
        ahead = asyncio.ensure_future(self._ask(ReadBlob(tenant, check_digest(digest), at), _content))
        try:
            while content := await ahead:
                if offset == 0:
                    running.update(content)
                at += len(content)
                ended = len(content) < PIECE
                if not ended:
                    ahead = asyncio.ensure_future(self._ask(ReadBlob(tenant, digest, at), _content))
                yield content
                if ended:
                    break
        finally:
            await _given_up(ahead)
        if offset == 0 and digest != f"sha256:{running.hexdigest()}":
            raise DataLoss(f"what control sent as blob {digest} does not match its digest")

    async def put(self, tenant: str, chunks: AsyncIterator[bytes], expected: str | None = None) -> Blob:
        running, id = hashlib.sha256(), next(self._ids)

        async def pieces() -> AsyncGenerator[bytes]:
            async for chunk in chunks:
                running.update(chunk)
                for start in range(0, len(chunk), PIECE):
                    yield chunk[start : start + PIECE]

        source = self._sources[id] = _Source(pieces())
        try:
            digest, size = await self._control().ask(Take(tenant, id, expected), _stored)
        finally:
            del self._sources[id]
            await source.close()
        if digest != f"sha256:{running.hexdigest()}":
            raise DataLoss(f"control stored {digest}, which is not what was sent: it is not used")
        return Blob(digest=digest, size=size)

    async def piece(self, asked: Give) -> bytes:
        """The next bytes of content that is being uploaded; none at its end. Raises NotFound for what is not."""
        source = self._sources.get(asked.source)
        if source is None:
            raise NotFound(f"nothing is being put as {asked.source} (any more)")
        return await source.next()

    async def materialize(self, tenant: str, digest: str, target: PurePath) -> None:
        path = Path(target)
        part = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with await opened(_created, part) as file:
                async for content in self.read(tenant, digest):
                    await in_thread(file.write, content)
            await in_thread(part.replace, path)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise ResourceExhausted(f"no room for a file of {digest} on this machine: make some and repeat") from error
        finally:
            part.unlink(missing_ok=True)

    async def share(self, tenant: str, digest: str, target: PurePath) -> None:
        await self.materialize(tenant, digest, target)

    async def _ask(self, what: Stat | ReadBlob, kind: AgentMessageDecoder[Any]) -> Any:
        """Of any control; of another one where the first is lost meanwhile."""
        while True:
            control = self._control()
            try:
                return await control.ask(what, kind)
            except Unavailable:
                if control.is_open:
                    raise

    def _control(self) -> Peer:
        """The one that connected last: a control that was replaced may not be known to be gone."""
        if not self._controls:
            raise Unavailable("no control is connected to this node agent, so no content can be fetched: come again")
        return self._controls[-1]


async def _given_up(asked: "asyncio.Future[bytes]") -> None:
    """Nobody wants its answer any more, whatever it is."""
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)


class _Source:
    """Content that is being uploaded, handed out piece by piece; closed only while nobody waits for one."""

    def __init__(self, pieces: AsyncGenerator[bytes]) -> None:
        self._pieces = pieces
        self._turn = asyncio.Lock()

    async def next(self) -> bytes:
        async with self._turn:
            return await anext(self._pieces, b"")

    async def close(self) -> None:
        async with self._turn:
            await self._pieces.aclose()


def _created(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


class ObjectsForAgents:
    """Answers the agents' requests for control's objects."""

    def __init__(self, objects: BlobStore) -> None:
        self._objects = objects

    async def answer(self, what: Stat | ReadBlob | Take, agent: Peer) -> Any:
        """Answers one request. Raises what objects raise."""
        match what:
            case Stat(tenant, digest):
                blob = await self._objects.stat(tenant, digest)
                return None if blob is None else blob.size
            case ReadBlob(tenant, digest, offset):
                return await self._piece(tenant, digest, offset)
            case Take(tenant, source, expected):
                blob = await self._objects.put(tenant, _taken(agent, source), expected)
                return blob.digest, blob.size

    async def _piece(self, tenant: str, digest: str, offset: int) -> bytes:
        blob = await self._objects.stat(tenant, digest)
        if blob is None:
            raise NotFound(f"tenant {tenant} has no blob {digest}")
        if not 0 <= offset <= blob.size:
            raise InvalidArgument(f"offset {offset} lies outside blob {digest} of {blob.size} bytes")
        found = bytearray()
        if offset < blob.size:
            async with aclosing(cast(Any, self._objects.read(tenant, digest, offset))) as chunks:
                async for chunk in chunks:
                    found += chunk[: PIECE - len(found)]
                    if len(found) == PIECE:
                        break
        return bytes(found)


async def _taken(agent: Peer, source: int) -> AsyncIterator[bytes]:
    while content := await agent.ask(Give(source), _content):
        yield content
