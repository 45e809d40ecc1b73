"""The reverse proxy to control: every path that is not inference, over its Unix socket, streamed both ways."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from bms.core.errors import BmsError, DeadlineExceeded, Unavailable
from bms.serving.pipeline.metrics import GatewayMetrics
from bms.web.inference.http.framing import Header
from bms.web.inference.http.proxies import Origin, Proxies
from bms.web.inference.http.request import HttpRequest

_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"expect",
        b"content-length",
        b"x-request-id",
    }
)
_OURS_TO_SAY = (b"x-forwarded-", b"x-real-ip", b"forwarded")
NO_PROXIES = Proxies()
_NOT_BACK = _HOP | {b"date", b"server"}


class ReverseProxy:
    """The handler of requests that are proxied to control. `control` is the path of its Unix socket, `scheme` what
    clients speak."""

    whole_body = False

    def __init__(
        self,
        control: str,
        metrics: GatewayMetrics,
        monotonic: Callable[[], float],
        timeout_s: float,
        scheme: bytes = b"http",
        proxies: Proxies = NO_PROXIES,
    ) -> None:
        self._proxies = proxies
        self._control = control
        self._scheme = scheme
        self._metrics = metrics
        self._monotonic = monotonic
        self._timeout_s = timeout_s
        self._passages: set[ProxiedRequest] = set()

    def start(self, request: HttpRequest) -> None:
        origin = self._proxies.origin(request.connection.peer, request.head.headers)
        passage = ProxiedRequest(request, self._ended, self._monotonic, self._scheme, origin)
        self._passages.add(passage)
        request.state = passage
        passage.open(self._control)

    def body(self, request: HttpRequest, chunk: bytes | memoryview) -> None:
        _passage(request).send(chunk)

    def end(self, request: HttpRequest) -> None:
        _passage(request).end()

    def cancel(self, request: HttpRequest) -> None:
        _passage(request).cancel()

    def writable(self, request: HttpRequest, yes: bool) -> None:
        _passage(request).pace(yes)

    def check_time(self, now: float) -> None:
        """Gives up requests that control does not begin to answer in time; called every second."""
        for passage in [each for each in self._passages if each.waiting_since is not None]:
            if passage.waiting_since is not None and now - passage.waiting_since > self._timeout_s:
                passage.fail(DeadlineExceeded(f"control did not answer within {self._timeout_s:g} s"))

    def __len__(self) -> int:
        return len(self._passages)

    def _ended(self, passage: "ProxiedRequest", status: int) -> None:
        self._passages.discard(passage)
        self._metrics.passed(status)


class ProxiedRequest(asyncio.Protocol):
    """One request's connection to control."""

    def __init__(
        self,
        request: HttpRequest,
        ended: Callable[["ProxiedRequest", int], None],
        monotonic: Callable[[], float],
        scheme: bytes,
        origin: Origin,
    ) -> None:
        self._request = request
        self._origin = origin
        self._scheme = scheme
        self._ended = ended
        self._monotonic = monotonic
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[Header] = []
        self._status = 0
        self._begun = self._done = False
        self._until_eof = False
        self.waiting_since: float | None = None  # the whole request is sent

    def open(self, control: str) -> None:
        self._request.connection.hold(True)
        self._task = asyncio.get_running_loop().create_task(self._connect(control))

    def send(self, chunk: bytes | memoryview) -> None:
        if self._transport is None:
            self._request.chunks.append(chunk)
        elif self._request.head.length is None:
            self._transport.writelines((b"%x\r\n" % len(chunk), chunk, b"\r\n"))
        else:
            self._transport.write(chunk)

    def end(self) -> None:
        if self._transport is not None and self._request.head.length is None:
            self._transport.write(b"0\r\n\r\n")
        self.waiting_since = self._monotonic()

    def cancel(self) -> None:
        self._finish(499)

    def pace(self, yes: bool) -> None:
        if self._transport is not None and not self._transport.is_closing():
            if yes:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def fail(self, error: BmsError) -> None:
        """Answers that control is unavailable, or ends an answer early that has begun."""
        if self._done:
            return
        request, begun = self._request, self._begun
        self._finish(error.http_status)
        if begun:
            request.connection.abort()
        else:
            request.connection.respond_error(request, error)

    # --- the socket to control ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        request = self._request
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        if self._done:
            self._transport.abort()
            return
        self._transport.write(passed_head(request, self._scheme, self._origin))
        chunks, request.chunks = request.chunks, []
        for chunk in chunks:
            self.send(chunk)
        if request.complete:
            self.end()
        request.connection.continue_(request)
        request.connection.hold(False)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(Unavailable(f"control's answer cannot be read: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._done:
            return
        if self._until_eof and exc is None:
            self.on_message_complete()
        else:
            self.fail(_away())

    def pause_writing(self) -> None:
        if not self._done:
            self._request.connection.hold(True)

    def resume_writing(self) -> None:
        if not self._done:
            self._request.connection.hold(False)

    # --- control's answer ---

    def on_message_begin(self) -> None:
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._begun:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._done:
            return
        self._status, self._begun, self.waiting_since = status, True, None
        fields = dict(self._headers)
        length = fields.get(b"content-length")
        self._until_eof = length is None and b"transfer-encoding" not in fields and status not in (204, 304)
        skipped = _NOT_BACK | _named_by_connection(self._headers)
        lines = b"".join(b"%b: %b\r\n" % header for header in self._headers if header[0] not in skipped)
        connection = self._request.connection
        connection.begin_stream(self._request, status, lines, int(length) if length is not None else None)
        if self._request.method == b"HEAD":
            self.on_message_complete()
        elif connection.slow_writer:
            self.pace(False)

    def on_body(self, data: bytes) -> None:
        if not self._done:
            self._request.connection.stream(self._request, data)

    def on_message_complete(self) -> None:
        if self._begun and not self._done:
            self._finish(self._status)
            self._request.connection.end_stream(self._request)

    async def _connect(self, control: str) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self, control)
        except OSError:
            self.fail(_away())

    def _finish(self, status: int) -> None:
        if self._done:
            return
        self._done = True
        self.waiting_since = None
        if self._task is not None and self._transport is None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._ended(self, status)


def _passage(request: HttpRequest) -> ProxiedRequest:
    assert isinstance(request.state, ProxiedRequest)
    return request.state


def passed_head(request: HttpRequest, scheme: bytes, origin: Origin) -> bytes:
    """Returns the request's head as control gets it: without hop-by-hop headers, with the gateway's own."""
    host = origin.host
    skipped = _HOP | _named_by_connection(request.head.headers)
    lines = [
        b"%b: %b\r\n" % (name, host if host and name == b"host" else value)
        for name, value in request.head.headers
        if name not in skipped and not name.startswith(_OURS_TO_SAY)
    ]
    if request.head.length is None:
        lines.append(b"transfer-encoding: chunked\r\n")
    elif request.head.length or b"content-length" in request.fields:
        lines.append(b"content-length: %d\r\n" % request.head.length)
    if origin.prefix:
        lines.append(b"x-forwarded-prefix: %b\r\n" % origin.prefix)
    address = origin.address.encode("ascii", "replace")
    vouched = b"x-forwarded-for: %b\r\nx-forwarded-proto: %b\r\nx-request-id: %b\r\n"
    lines.append(vouched % (address, origin.proto or scheme, request.id))
    return b"%b %b HTTP/1.1\r\n%bconnection: close\r\n\r\n" % (request.method, request.target, b"".join(lines))


def _named_by_connection(headers: list[Header]) -> frozenset[bytes]:
    return frozenset(
        token.strip().lower() for name, value in headers if name == b"connection" for token in value.split(b",")
    )


def _away() -> Unavailable:
    return Unavailable(
        "control cannot be reached now; models that are deployed go on answering: come again", retry_after_s=2.0
    )
