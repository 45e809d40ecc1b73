"""Reads the first message of a connection, which decides the protocol that handles it from then on."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

from bms.core.errors import InvalidArgument
from bms.protocols.node_agent import cut


class Opened(NamedTuple):
    """A connection whose first message, `body`, was read, and `rest` after it; it reads nothing until it is
    `resumed`."""

    transport: asyncio.Transport
    body: bytes
    rest: bytes

    def resumed(self, protocol: asyncio.Protocol) -> None:
        """Hands the connection over to `protocol`."""
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if self.rest:
            protocol.data_received(self.rest)
        if not self.transport.is_closing():
            self.transport.resume_reading()


class Opening(asyncio.Protocol):
    """The protocol that reads the first message: calls `opened` with it, of at most `limit` bytes, or `failed` with why
    there is none: too large, not within `patience_s`, or the connection ended."""

    def __init__(
        self, opened: Callable[[Opened], None], failed: Callable[[str], None], *, limit: int, patience_s: float
    ) -> None:
        self._opened = opened
        self._failed = failed
        self._limit = limit
        self._patience_s = patience_s
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._timer = asyncio.get_running_loop().call_later(
            self._patience_s, self._give_up, f"no message came within {self._patience_s:g} s"
        )

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._buffer += data
        try:
            found = cut(self._buffer, self._limit)
        except InvalidArgument as error:
            self._give_up(error.message)
            return
        if found is not None:
            transport = self._let_go()
            transport.pause_reading()
            self._opened(Opened(transport, *found))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._let_go()
            self._failed(str(exc) if exc else "the connection was closed")

    def _give_up(self, why: str) -> None:
        if self._transport is not None:
            self._let_go().abort()
            self._failed(why)

    def _let_go(self) -> asyncio.Transport:
        transport, self._transport = self._transport, None
        assert transport is not None, "the first message is said once"
        if self._timer is not None:
            self._timer.cancel()
        return transport
