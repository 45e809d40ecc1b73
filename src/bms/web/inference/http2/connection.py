"""One client's HTTP/2 connection."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from bms.web.inference.http2.faults import ENHANCE_YOUR_CALM, ConnectionFault
from bms.web.inference.http2.limits import Http2Limits
from bms.web.inference.http2.session import Http2Session
from bms.web.inference.http2.table import Http2Handler

_JOINED = 1 << 16  # bytes: more are written piece by piece, without a copy


class Http2Context(Protocol):
    """What HTTP/2 connections share. `most_connections` counts all that are in `connections`."""

    http2_limits: Http2Limits
    http2_handler: Http2Handler
    connections: set[Any]
    most_connections: int

    def now(self) -> float: ...


class Http2Connection(asyncio.Protocol):
    """A protocol of asyncio: a session on a socket. All output of one turn of the loop is one write."""

    def __init__(self, host: Http2Context, soon: Callable[[Callable[[], object]], object] | None = None) -> None:
        self._host = host
        self._soon = soon or asyncio.get_running_loop().call_soon
        now = host.now()
        self._session = Http2Session(host.http2_limits, host.http2_handler, self._wake, now)
        self._transport: asyncio.Transport | None = None
        self._woken = False  # a flush is on its way
        self._closing = False
        self._busy = now  # a stream was last open
        self._newest = 0
        self._since = now  # the client was last seen to take something
        self._unsent = 0  # bytes, when last looked at
        self._progress = 0

    # --- what the loop tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        address = transport.get_extra_info("peername")
        if isinstance(address, tuple):
            self._session.table.peer = address[0]
        self._session.start()
        full = len(self._host.connections) >= self._host.most_connections
        self._host.connections.add(self)
        if full:
            self._session.fail(ConnectionFault(ENHANCE_YOUR_CALM, "this gateway has as many connections as it may"))

    def data_received(self, data: bytes) -> None:
        self._woken = True
        try:
            self._session.feed(data, self._host.now())
        finally:
            self._flush()

    def eof_received(self) -> bool:
        return False  # a client that sends no more is taken to be gone

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.connections.discard(self)
        self._transport = None
        self._session.end()

    def pause_writing(self) -> None:
        """A client that does not take our bytes is not read either: answers to its frames would pile up."""
        self._session.writer.paused = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._session.writer.paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._session.writer.pump()

    # --- called by the server ---

    @property
    def idle(self) -> bool:
        return not self._session.table.open

    def drain(self) -> None:
        """Serves the streams under way, and closes then."""
        self._session.drain()

    def close(self) -> None:
        """Ends the connection once what was written is sent; what is open is cancelled."""
        self._session.refuse_new()
        self._session.end()
        self._flush()

    def check_time(self, now: float) -> None:
        """Ends a connection whose client is too slow; called every second."""
        session, transport = self._session, self._transport
        if transport is None:
            return
        limits = session.limits
        unsent, progress = transport.get_write_buffer_size(), session.progress
        if unsent < self._unsent or progress != self._progress or not (unsent or session.writer.waiting):
            self._since = now
        self._unsent, self._progress = unsent, progress
        if now - self._since > limits.write_timeout_s:
            transport.abort()
            return
        if self._closing:
            if now - self._busy > limits.linger_s and not unsent:
                transport.abort()
            return
        session.check_time(now)
        if session.table.open or session.table.last != self._newest:
            self._newest, self._busy = session.table.last, now
        elif now - self._busy > limits.keep_alive_s:
            session.refuse_new()
        self._flush()

    # --- writing ---

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._soon(self._flush)

    def _flush(self) -> None:
        self._woken = False
        transport, session = self._transport, self._session
        if session.writer.queued > session.limits.queued_bytes:
            session.fail(ConnectionFault(ENHANCE_YOUR_CALM, "more answers wait than may: take them"))
        out = session.writer.take()
        if transport is None or self._closing:
            return
        if out:
            if len(out) == 1:
                transport.write(out[0])
            elif session.writer.queued or sum(map(len, out)) > _JOINED:
                transport.writelines(out)
            else:
                transport.write(b"".join(out))
        if session.over:
            self._end(transport)
        elif session.table.refusing and not session.table.open:
            self._closing = True
            transport.close()

    def _end(self, transport: asyncio.Transport) -> None:
        """Closing over unread bytes would reset our last words away, so the client closes first, or time does."""
        self._closing, self._busy = True, self._host.now()
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()
