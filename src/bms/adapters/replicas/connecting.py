"""Connects to a model server's endpoint: a Unix socket, or a TLS port with a pinned certificate."""

import asyncio
import errno
import hashlib
import hmac
import ssl
from collections.abc import Callable
from typing import cast

from bms.core.errors import InvalidArgument
from bms.core.workloads.endpoints import Endpoint, TlsEndpoint, WrongPeer
from bms.protocols.node_agent import MAX_FIRST, ConnectionRefused, Relay, cut, encode, joining

PATIENCE_S = 5.0


async def connect(endpoint: Endpoint, make: Callable[[], asyncio.Protocol], first: bytes = b"") -> None:
    """Connects, sends `first`, and hands the connection to what `make` returns.

    Raises OSError when nobody listens there, or another server does, to which nothing was sent.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            transport, rest = await _reached(endpoint)
    except TimeoutError:
        raise TimeoutError(errno.ETIMEDOUT, f"nobody answered within {PATIENCE_S:g} s") from None
    except UnicodeError as error:  # of the name that is looked up
        raise OSError(errno.EINVAL, f"it is no name of a host: {error}") from None
    protocol = make()
    transport.set_protocol(protocol)
    if first:
        transport.write(first)
    protocol.connection_made(transport)
    if rest:
        protocol.data_received(rest)
    if not transport.is_closing():
        transport.resume_reading()


async def _reached(endpoint: Endpoint) -> tuple[asyncio.Transport, bytes]:
    """A connection to the expected server, and the bytes read of it already. Raises OSError."""
    loop = asyncio.get_running_loop()
    if isinstance(endpoint, TlsEndpoint):
        transport, doorway = await loop.create_connection(_Doorway, endpoint.host, endpoint.port, ssl=_CONTEXT)
    else:
        transport, doorway = await loop.create_unix_connection(_Doorway, endpoint.path)
    rest = b""
    try:
        if isinstance(endpoint, TlsEndpoint):
            _verify(transport, endpoint)
            if endpoint.name:
                rest = await _joined(transport, doorway, endpoint.name)
        if doorway.lost:
            raise ConnectionResetError("the connection was closed at once")
    except BaseException:
        transport.abort()
        raise
    return transport, rest


class _Doorway(asyncio.Protocol):
    """The protocol of a connection until the server's identity is verified."""

    def __init__(self) -> None:
        self.lost = False
        self.first: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            found = cut(self._buffer, MAX_FIRST)
        except InvalidArgument as error:
            self._fail(error.message)
            return
        if found is not None and not self.first.done():
            assert self._transport is not None
            self._transport.pause_reading()
            self.first.set_result(found)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._fail(str(exc) if exc else "the connection was closed")

    def _fail(self, why: str) -> None:
        if not self.first.done():
            self.first.set_exception(ConnectionResetError(why))
            self.first.exception()  # known of, also where nobody waits for it


async def _joined(transport: asyncio.WriteTransport, doorway: _Doorway, workload: str) -> bytes:
    """Asks a node agent for a workload's socket; what came after its consent. Raises OSError."""
    transport.write(encode(Relay(workload)))
    body, rest = await doorway.first
    try:
        answer = joining.decode(body)
    except InvalidArgument as error:
        raise ConnectionResetError(error.message) from None
    if isinstance(answer, ConnectionRefused):
        raise ConnectionRefusedError(answer.reason)
    return rest


def _verify(transport: asyncio.BaseTransport, endpoint: TlsEndpoint) -> None:
    """The handshake proved that the other side has the key of what it showed. Raises Stranger unless it is the one."""
    channel = cast("ssl.SSLObject | None", transport.get_extra_info("ssl_object"))
    shown = channel.getpeercert(binary_form=True) if channel is not None else None
    fingerprint = hashlib.sha256(shown or b"").hexdigest()
    if not hmac.compare_digest(fingerprint, endpoint.sha256):
        raise WrongPeer(
            f"{endpoint.host}:{endpoint.port} shows another certificate (sha256={fingerprint}) than is expected: "
            "it is not who it should be, or has a new one"
        )


def _context() -> ssl.SSLContext:
    """Of TLS 1.3, which verifies nothing by itself: certificates are pinned, not vouched for by authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_CONTEXT = _context()
