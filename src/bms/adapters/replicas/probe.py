"""Polls model servers for their status, over a connection each that is kept and shares no memory."""

import asyncio
from collections.abc import Callable

import msgspec

from bms.adapters.replicas.connecting import connect
from bms.core.errors import InvalidArgument
from bms.core.workloads.endpoints import parse_endpoint
from bms.core.workloads.programs import ServableStatus
from bms.protocols.frames import FrameReader, FrameType, encode_plain

PATIENCE_S = 2.0
_status = msgspec.msgpack.Decoder(ServableStatus)


class LinkProbe:
    """The `ReplicaProbe` over model servers' sockets. `token_of` knows what the model server of a replica asks for."""

    def __init__(self, token_of: Callable[[str], bytes]) -> None:
        self._token_of = token_of
        self._lines: dict[str, _Line] = {}

    async def status(self, replica: str, address: str) -> ServableStatus | None:
        """The status of the model server of `replica` at `address`; None when it does not answer in time."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = self._lines.get(replica)
                if line is None:
                    line = self._lines[replica] = await self._connected(replica, address)
                return await line.ask()
        except (OSError, TimeoutError):
            self.let_go(replica)
            return None
        except asyncio.CancelledError:
            self.let_go(replica)
            raise

    def let_go(self, replica: str) -> None:
        """Closes the connection to a replica; the next poll makes a new one."""
        line = self._lines.pop(replica, None)
        if line is not None:
            line.close()

    async def _connected(self, replica: str, address: str) -> "_Line":
        """Raises OSError, and InvalidArgument for an address that is none."""
        hello = encode_plain(FrameType.HELLO, meta=self._token_of(replica))
        line = _Line(lambda: self._lost(replica, line))
        await connect(parse_endpoint(address), lambda: line, hello)
        return line

    def _lost(self, replica: str, line: "_Line") -> None:
        if self._lines.get(replica) is line:
            del self._lines[replica]


class _Line(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._transport: asyncio.WriteTransport | None = None
        self._reader = FrameReader()
        self._asked = 0
        self._answer: asyncio.Future[ServableStatus] | None = None

    async def ask(self) -> ServableStatus:
        """Sends a request, and returns the answer. Raises OSError when the server is gone."""
        self._asked += 1
        self._answer = asyncio.get_running_loop().create_future()
        self.say(encode_plain(FrameType.STATUS, self._asked))
        return await self._answer

    def say(self, data: bytes) -> None:
        """Sends a one-way message. Raises OSError when the server is gone."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the model server closed the connection")
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's are no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the model server closed the connection"))

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                if frame.kind == FrameType.STATUS_ANSWER and frame.id == self._asked:
                    self._answered(_status.decode(frame.meta))
        except (InvalidArgument, msgspec.DecodeError):  # what no model server says
            self.close()

    def _answered(self, status: ServableStatus) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)
