"""Detects whether a new connection speaks HTTP/1.1 or HTTP/2 (RFC 9113, sections 3.2 to 3.4)."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http2.frames import PREFACE


class DetectingContext(Protocol):
    """What the detection needs of the server."""

    limits: HttpLimits
    connections: set[Any]

    def now(self) -> float: ...


class FirstBytes(asyncio.Protocol):
    """A protocol of asyncio that waits for the deciding bytes and then hands the socket over.

    Over TLS the protocol that was agreed on decides; a client that agreed on nothing is known by its first bytes too.
    """

    idle = True

    def __init__(
        self, host: DetectingContext, http1: Callable[[], asyncio.Protocol], http2: Callable[[], asyncio.Protocol]
    ) -> None:
        self._host = host
        self._http1 = http1
        self._http2 = http2
        self._since = host.now()
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self._hand_over(self._http2)
        elif len(self._host.connections) >= self._host.limits.connections:
            self._hand_over(self._http1)  # which knows how to refuse
        else:
            self._host.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._data = data = self._data + data
        if data.startswith(PREFACE):
            self._hand_over(self._http2)
        elif not PREFACE.startswith(data):
            self._hand_over(self._http1)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.connections.discard(self)
        self._transport = None

    def check_time(self, now: float) -> None:
        """Called every second."""
        limits = self._host.limits
        if now - self._since > (limits.header_timeout_s if self._data else limits.keep_alive_s):
            self.close()

    def drain(self) -> None:
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _hand_over(self, make: Callable[[], asyncio.Protocol]) -> None:
        transport, self._transport = self._transport, None
        if transport is None or transport.is_closing():
            return
        self._host.connections.discard(self)
        protocol = make()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._data:
            protocol.data_received(self._data)
