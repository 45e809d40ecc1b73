"""Control's end of the bus: one connection per gateway; a slow gateway does not delay the others.

Each has three tasks: one reads, one sends the snapshot and what follows it, one commits usage and acknowledges it.
Usage waits in a queue of a few batches; when that is full nothing more is read from that gateway.
"""

import asyncio
import contextlib
import hmac
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from bms.core.clock import Clock
from bms.core.errors import BmsError, InvalidArgument
from bms.core.serving.snapshot import SnapshotUpdate
from bms.core.usage import UnreadRun, UsageRun
from bms.protocols.bus import (
    Applied,
    GatewayHello,
    GatewayStats,
    ReplicaDown,
    ToGateway,
    UsageAck,
    UsageBatch,
    encode,
    from_gateway,
    message_reader,
)
from bms.protocols.snapshots.parts import parts_of

log = logging.getLogger("bms.bus")
HELLO_S = 5.0
QUEUED_BATCHES = 4
_READ = 1 << 18
_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0


class GatewayFeed(Protocol):
    """The snapshot updates for one gateway; the first one is full."""

    async def next(self) -> SnapshotUpdate: ...
    def applied(self, revision: int) -> None: ...
    def close(self) -> None: ...


UsageSink = Callable[[str, Sequence[UsageRun | UnreadRun]], Awaitable[int]]
"""(source, runs) -> the highest seq of the source that is committed."""


class ConnectedGateway(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one connected gateway. `revision` is the snapshot it routes by; `stats` None until it reported."""

    slot: int
    pid: int
    source: str
    connected_at: float  # Unix seconds
    revision: int = 0
    stats: GatewayStats | None = None


class BusServer:
    """Listens on the Unix socket `path`, for its owner alone, and only with `token`.

    Raises InvalidArgument for an empty token: tenants' processes run under the same user.
    """

    def __init__(
        self,
        path: str,
        connect: Callable[[], GatewayFeed],
        usage: UsageSink,
        replica_down: Callable[[str], None],
        clock: Clock,
        *,
        token: str,
    ) -> None:
        if not token:
            raise InvalidArgument("the bus needs a token that is not empty")
        self._path = path
        self._token = token
        self._connect = connect
        self._usage = usage
        self._replica_down = replica_down
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._connections: dict[_Connection, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Raises OSError when the socket can't be made."""
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._accept, self._path)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Closes the socket and every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections.values()):
            task.cancel()
        await asyncio.gather(*self._connections.values(), return_exceptions=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    @property
    def gateways(self) -> list[ConnectedGateway]:
        """The connected gateways that said Hello, by slot."""
        views = [connection.view for connection in self._connections if connection.view is not None]
        return sorted(views, key=lambda view: (view.slot, view.connected_at))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(reader, writer, self._usage, self._replica_down, self._clock, self._token)
        task = asyncio.current_task()
        assert task is not None, "streams call this in a task"
        self._connections[connection] = task
        try:
            await connection.serve(self._connect)
        finally:
            del self._connections[connection]


class _Connection:
    """Serves one gateway's connection, from its Hello to its end."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        usage: UsageSink,
        replica_down: Callable[[str], None],
        clock: Clock,
        token: str,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._usage = usage
        self._replica_down = replica_down
        self._clock = clock
        self._token = token
        self._messages = message_reader()
        self._batches: asyncio.Queue[UsageBatch] = asyncio.Queue(QUEUED_BATCHES)
        self.view: ConnectedGateway | None = None

    async def serve(self, connect: Callable[[], GatewayFeed]) -> None:
        """Serves until the connection ends, however it does."""
        try:
            waiting = await self._greet()
            feed = connect()
            try:
                async with asyncio.TaskGroup() as tasks:
                    sending = [tasks.create_task(self._send_updates(feed)), tasks.create_task(self._commit_usage())]
                    await self._receive(waiting, feed)
                    for task in sending:
                        task.cancel()
            finally:
                feed.close()
        except* (OSError, InvalidArgument, msgspec.DecodeError, TimeoutError) as errors:
            log.warning("gateway %s: its connection is given up: %s", self._name, errors.exceptions[0])
        finally:
            self._writer.close()

    @property
    def _name(self) -> str:
        return "(unknown)" if self.view is None else f"{self.view.slot} (pid {self.view.pid})"

    async def _greet(self) -> list[bytes]:
        """Waits for Hello; what came after it. Raises InvalidArgument for anything else, TimeoutError for nothing."""
        if (user := _peer(self._writer)[1]) != os.getuid():
            raise InvalidArgument(f"it is user {user}'s, and the bus is for user {os.getuid()} alone")
        async with asyncio.timeout(HELLO_S):
            while data := await self._reader.read(_READ):
                bodies = list(self._messages.feed(data))
                if not bodies:
                    continue
                hello = from_gateway.decode(bodies[0])
                if not isinstance(hello, GatewayHello):
                    raise InvalidArgument(f"a gateway begins with hello, this one with {type(hello).__name__}")
                if not hmac.compare_digest(hello.token.encode(), self._token.encode()):
                    raise InvalidArgument(f"process {_peer(self._writer)[0]} connects without the bus's token")
                self.view = ConnectedGateway(
                    slot=hello.slot,
                    pid=hello.pid,
                    source=hello.source,
                    connected_at=self._clock.now().timestamp(),
                )
                return bodies[1:]
        raise ConnectionResetError("it disconnected before it said hello")

    async def _receive(self, bodies: list[bytes], feed: GatewayFeed) -> None:
        while True:
            for body in bodies:
                await self._take(body, feed)
            data = await self._reader.read(_READ)
            if not data:
                return
            bodies = list(self._messages.feed(data))

    async def _take(self, body: bytes, feed: GatewayFeed) -> None:
        assert self.view is not None
        match from_gateway.decode(body):
            case Applied(revision):
                feed.applied(revision)
                self.view = msgspec.structs.replace(self.view, revision=revision)
            case UsageBatch() as batch:
                await self._batches.put(batch)
            case ReplicaDown(replica):
                self._replica_down(replica)
            case GatewayStats() as stats:
                self.view = msgspec.structs.replace(self.view, stats=stats)
            case GatewayHello():
                raise InvalidArgument("a gateway says hello once")

    async def _send_updates(self, feed: GatewayFeed) -> None:
        while True:
            for part in parts_of(await feed.next()):
                await self._send(part)
                await asyncio.sleep(0)  # the socket may never be full, and others wait

    async def _commit_usage(self) -> None:
        while True:
            batch = await self._batches.get()
            seq = await self._committed(batch)
            await self._send(UsageAck(batch.source, seq))

    async def _committed(self, batch: UsageBatch) -> int:
        """Repeats for as long as usage can't be written to the database; the gateway keeps its journal meanwhile."""
        wait = _RETRY_S
        while True:
            try:
                return await self._usage(batch.source, batch.runs)
            except InvalidArgument:
                raise
            except BmsError as error:
                log.warning("usage of gateway %s can't be committed now: %s", self._name, error.message)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_RETRY_S)

    async def _send(self, message: ToGateway) -> None:
        self._writer.write(encode(message))
        await self._writer.drain()


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """(process, user) at the other end, as the kernel knows them (SO_PEERCRED of unix(7)). Raises OSError."""
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as end:
        pid, user, _group = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, user
