"""Relays bytes between two connections, in both directions, no faster than the slower side takes them."""

import asyncio
from typing import cast

from bms.adapters.clusters.node_agent.opening import Opened
from bms.protocols.node_agent import RelayAccepted, encode

MAX_HELD = 1 << 20  # bytes in one direction that one side sent and the other did not take yet


class Pipe(asyncio.Protocol):
    """One of two joined ends: what it receives, the other end sends. When one ends, so does the other."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._other: Pipe | None = None

    def join(self, other: "Pipe") -> None:
        """Joins two ends, before any of them receives something."""
        self._other, other._other = other, self

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=MAX_HELD)

    def data_received(self, data: bytes) -> None:
        if (opposite := self._opposite) is not None:
            opposite.write(data)

    def eof_received(self) -> bool:
        return False  # closes: no side of ours goes on with half a connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        other, self._other = self._other, None
        if other is not None:
            other.close()  # after what was written to it is sent

    def pause_writing(self) -> None:
        if (opposite := self._opposite) is not None:
            opposite.pause_reading()

    def resume_writing(self) -> None:
        if (opposite := self._opposite) is not None:
            opposite.resume_reading()

    @property
    def _opposite(self) -> asyncio.Transport | None:
        """The other end's, while that is open: it sends what this end receives, and the other way round."""
        transport = None if self._other is None else self._other._transport
        return None if transport is None or transport.is_closing() else transport


async def relay(outside: Opened, path: str) -> None:
    """Relays a connection to the Unix socket `path`. Raises OSError when nobody listens there."""
    outer, inner = Pipe(), Pipe()
    outer.join(inner)
    await asyncio.get_running_loop().create_unix_connection(lambda: inner, path)
    outside.transport.write(encode(RelayAccepted()))
    outside.resumed(outer)
    if outside.transport.is_closing() or not inner.is_open:  # one of both ended meanwhile
        outer.close()
        inner.close()
