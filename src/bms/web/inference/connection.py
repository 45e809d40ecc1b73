"""HTTP/1.1 on one client's socket: requests are read as they come and answered one after another, in order."""

import asyncio
from collections import deque
from typing import Literal, Protocol, cast

import httptools

from bms.core.errors import BmsError, DeadlineExceeded, InvalidArgument
from bms.web.inference.answers import error_headers, status_line
from bms.web.inference.framing import Header, HeaderTooLarge, check_body_size, frame
from bms.web.inference.limits import HttpLimits
from bms.web.inference.request import Request, request_id

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_DRAINED = 256 << 10  # a refused body up to this size is read and dropped, to keep the connection
_CHUNK_OVERHEAD = 64 << 10
_FULL_BODY = b'{"error":"this gateway has as many connections as it may: come again shortly"}'
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(_FULL_BODY), _FULL_BODY)
)
Phase = Literal["idle", "head", "body"]


class RequestTimeout(DeadlineExceeded):
    """408: the client sends too slowly."""

    http_status = 408


class Host(Protocol):
    """The site that connections belong to."""

    limits: HttpLimits
    connections: "set[HttpConnection]"
    date: bytes  # a whole Date header line
    draining: bool

    def now(self) -> float: ...

    def fresh_id(self) -> bytes: ...

    def open(self, request: Request) -> None:
        """The head is there: sets `request.handler`. Raises BmsError to refuse."""
        ...

    def error_body(self, request: Request, error: BmsError) -> tuple[bytes, bytes]:
        """Content type and body for an error, in the dialect of the request's path."""
        ...

    def refused(self, request: Request, error: BmsError) -> None:
        """Counts an answer that no handler gave."""
        ...


class HttpConnection(asyncio.Protocol):
    """Reads with httptools; everything a client could hold us up with is bounded by `HttpLimits`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._limits = host.limits
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._queue: deque[Request] = deque()
        self._reading: Request | None = None  # whose body comes in now
        self._url = b""
        self._headers: list[Header] = []
        self._head_fed = 0  # bytes fed while a head is incomplete
        self._fed = 0  # bytes being fed now
        self._body_fed = 0  # bytes fed while a chunked body is incomplete
        self.phase: Phase = "idle"
        self.since = host.now()
        self._deaf = False  # nothing more is read as requests
        self._paused = False
        self._held = False  # a handler asked to read no more
        self._advancing = False
        self.closing = False
        self.stalled_since: float | None = None

    # --- what the loop tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        if len(self._host.connections) >= self._limits.connections:
            self._deaf = True
            self._transport.write(_FULL)
            self._transport.close()
            return
        self._host.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._fed = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._last_request()  # we stay with HTTP/1.1, and what follows is in a protocol we do not speak
        except httptools.HttpParserError as error:
            self._refuse_rest(InvalidArgument(f"this is not HTTP/1.1 as it should be: {error}"))
        if self.phase == "head":
            self._head_fed += len(data)
            if self._head_fed > self._limits.header_bytes + len(data):
                self._refuse_rest(HeaderTooLarge(f"the head is larger than {self._limits.header_bytes} bytes"))
        elif self.phase == "body" and self._reading is not None and self._reading.length is None:
            self._body_fed += len(data)
            if self._body_fed > self._reading.size * 8 + _CHUNK_OVERHEAD:
                self._refuse_rest(InvalidArgument("the chunks of this body are nearly all frame and no content"))
        self._advance()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.connections.discard(self)
        self._transport = None
        self._deaf = True
        queue, self._queue = self._queue, deque()
        for request in queue:
            if request.started and request.handler is not None:
                request.handler.cancel(request)

    def pause_writing(self) -> None:
        self.stalled_since = self._host.now()
        self._tell_writable(False)

    def resume_writing(self) -> None:
        self.stalled_since = None
        self._tell_writable(True)

    # --- what the parser tells ---

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._head_fed = 0
        self.phase, self.since = "head", self._host.now()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, host = self._parser, self._host
        headers, self._headers = self._headers, []  # trailers go to the new list, and nowhere from there
        self._reading = request = Request(self, parser.get_method(), self._url, parser.get_http_version(), headers)
        self.phase, self.since, self._body_fed = "body", host.now(), 0
        if self._deaf:
            return
        request.id = request_id(request.fields.get(b"x-request-id"), host.fresh_id())
        if not parser.should_keep_alive():
            request.keep_alive = False
        try:
            self._check_head(request)
            frame(request, self._limits)
        except BmsError as error:
            self._refuse(request, error, for_good=True)
            return
        self._queue.append(request)
        try:
            host.open(request)
            if request.length and request.handler is not None and request.handler.whole_body:
                check_body_size(request.length, self._limits)
        except BmsError as error:
            request.refusal, request.discard = error, True

    def on_body(self, chunk: bytes) -> None:
        request = self._reading
        if request is None or self._deaf:
            return
        request.size += len(chunk)
        if request.discard:
            if request.size > _DRAINED:
                request.keep_alive = False
            return
        handler = request.handler
        if handler is not None and handler.whole_body:
            if request.size > self._limits.body_bytes:
                try:
                    check_body_size(request.size, self._limits)
                except BmsError as error:
                    request.refusal, request.discard = error, True
                    request.chunks.clear()
                return
            request.chunks.append(chunk)
        elif request.started and handler is not None:
            handler.body(request, chunk)
        else:
            request.chunks.append(chunk)

    def on_message_complete(self) -> None:
        request, self._reading = self._reading, None
        self.phase, self.since = "idle", self._host.now()
        if request is None or self._deaf:
            return
        request.complete = True
        if request.started and not request.discard and request.handler is not None:
            request.handler.end(request)

    # --- what handlers do ---

    def respond(self, request: Request, status: int, content_type: bytes, body: bytes, headers: bytes = b"") -> None:
        """The whole answer; `headers` are whole lines."""
        transport = self._transport
        if transport is None or request.answering:
            return
        transport.write(
            b"%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n%b%b%b\r\n%b"
            % (
                status_line(status),
                content_type,
                len(body),
                request.id,
                self._host.date,
                headers,
                self._connection_line(request),
                b"" if request.method == b"HEAD" else body,
            )
        )
        request.answering = True
        self._finish(request)

    def respond_error(self, request: Request, error: BmsError, headers: bytes = b"") -> None:
        content_type, body = self._host.error_body(request, error)
        self.respond(request, error.http_status, content_type, body, error_headers(error) + headers)

    def begin_stream(self, request: Request, status: int, headers: bytes, length: int | None) -> None:
        """The head of an answer that comes in pieces: `length` bytes in all, None where nobody knows yet."""
        transport = self._transport
        if transport is None:
            return
        bodiless = request.method == b"HEAD" or status in (204, 304)
        framing = b""
        if length is not None:
            framing = b"content-length: %d\r\n" % length
        elif not bodiless:
            if request.version == "1.1":
                request.chunked_answer = True
                framing = b"transfer-encoding: chunked\r\n"
            else:
                request.keep_alive = False  # the end of the connection is the end of the answer
        transport.write(
            b"%b%bx-request-id: %b\r\n%b%b%b\r\n"
            % (status_line(status), headers, request.id, self._host.date, framing, self._connection_line(request))
        )
        request.answering = True

    def stream(self, request: Request, data: bytes) -> None:
        if self._transport is not None and data and request.method != b"HEAD":
            if request.chunked_answer:
                self._transport.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
            else:
                self._transport.write(data)

    def end_stream(self, request: Request) -> None:
        if self._transport is not None:
            if request.chunked_answer and request.method != b"HEAD":
                self._transport.write(b"0\r\n\r\n")
            self._finish(request)

    def abort(self) -> None:
        """Ends the connection without an end of the answer, so that the client sees it is not whole."""
        if self._transport is not None:
            self._transport.abort()

    def hold(self, yes: bool) -> None:
        """Reads no more of the body until told so: whoever takes it is slower than the client."""
        self._held = yes
        self._pace()

    def continue_(self, request: Request) -> None:
        """The client that waits to be asked for its body is asked."""
        if request.expects and not request.complete and not request.size and self._transport is not None:
            request.expects = False
            self._transport.write(_CONTINUE)

    @property
    def peer(self) -> str:
        address = self._transport.get_extra_info("peername") if self._transport is not None else None
        return address[0] if isinstance(address, tuple) else "local"

    @property
    def slow_writer(self) -> bool:
        return self.stalled_since is not None

    # --- time, and the end ---

    def check_time(self, now: float) -> None:
        """Ends a connection that keeps us waiting; called every second."""
        limits = self._limits
        if self.stalled_since is not None and now - self.stalled_since > limits.write_timeout_s:
            self.abort()
        elif self._deaf:
            if now - self.since > limits.linger_s and not self._queue:
                self.abort()
        elif self.phase == "head":
            if now - self.since > limits.header_timeout_s and not self._queue:
                self._refuse_rest(RequestTimeout("the head of the request did not come in time"))
                self._advance()
        elif self.phase == "body":
            self._check_body_time(now)
        elif not self._queue and now - self.since > (0 if self._host.draining else limits.keep_alive_s):
            self.close()

    def close(self) -> None:
        """Ends the connection once what was written is sent."""
        self.closing = self._deaf = True
        if self._transport is not None:
            self._transport.close()

    @property
    def idle(self) -> bool:
        return not self._queue and self.phase == "idle"

    def _check_head(self, request: Request) -> None:
        limits = self._limits
        if self._head_fed + self._fed <= limits.target_bytes:
            return  # what was fed in all is less than any limit
        size = sum(len(name) + len(value) + 4 for name, value in request.headers)
        if size > limits.header_bytes or len(request.target) > limits.target_bytes:
            raise HeaderTooLarge(
                f"the head is too large: {limits.target_bytes} bytes of target and {limits.header_bytes} bytes of "
                "headers are taken"
            )

    def _check_body_time(self, now: float) -> None:
        request = self._reading
        if request is None or self._paused:
            self.since = now  # it is us who do not read
            return
        allowed = self._limits.body_timeout_s + request.size / self._limits.body_bytes_per_s
        if now - self.since <= allowed:
            return
        if request.started and not request.answering and request.handler is not None:
            request.handler.cancel(request)
        if request.answering:
            self.abort()
            return
        request.started = False
        self._refuse(request, RequestTimeout("the body of the request did not come in time"), for_good=True)
        self._advance()

    def _refuse_rest(self, error: BmsError) -> None:
        """What comes in now, and all after it, cannot be read."""
        if self._deaf:
            return
        request = self._reading
        if request is not None and request.started and request.handler is not None and not request.discard:
            request.handler.cancel(request)
            if request.answering:
                self.abort()
                return
            request.started = False
        if request is None or request not in self._queue:
            request = Request(self, b"", b"", "1.1", [])
            request.id = self._host.fresh_id()
        self._refuse(request, error, for_good=True)

    def _refuse(self, request: Request, error: BmsError, *, for_good: bool) -> None:
        request.refusal, request.discard = error, True
        if request not in self._queue:
            self._queue.append(request)
        if for_good:
            request.keep_alive = False
            self._deaf = True

    def _last_request(self) -> None:
        self._deaf = True
        if self._queue:
            self._queue[-1].keep_alive = False

    def _advance(self) -> None:
        """Starts whatever has its turn. Not reentered: an answer given at once only marks its end."""
        if self._advancing:
            return
        self._advancing = True
        while self._queue and self._start(self._queue[0]):
            pass
        self._advancing = False
        self._pace()

    def _start(self, request: Request) -> bool:
        """True when the request is done with and the next may start."""
        if request.started:
            return False
        if request.refusal is not None:
            request.started = True
            self._host.refused(request, request.refusal)
            self.respond_error(request, request.refusal)
        elif request.handler is not None and (request.complete or not request.handler.whole_body):
            request.started = True
            request.handler.start(request)
        else:
            self.continue_(request)
            return False
        return not self._queue or self._queue[0] is not request

    def _finish(self, request: Request) -> None:
        """The answer is written whole."""
        request.discard = not request.complete
        self._held = False
        if request.keep_alive and not self._must_close(request):
            if self._queue and self._queue[0] is request:
                self._queue.popleft()
            self.since = self._host.now()
            if not self._advancing and (self._queue or self._paused):
                self._advance()
            return
        self._queue.clear()
        self._deaf = True
        self.since = self._host.now()
        if self._transport is not None:
            if request.complete:
                self._transport.close()
            else:
                self._transport.write_eof()  # closing over unread bytes would reset the answer away
                self._pace()

    def _must_close(self, request: Request) -> bool:
        if request.complete:
            return False
        return request.expects or request.length is None or request.length - request.size > _DRAINED

    def _connection_line(self, request: Request) -> bytes:
        if self._host.draining:
            request.keep_alive = False
        if not request.keep_alive or self._must_close(request):
            request.keep_alive = False
            return b"connection: close\r\n"
        return b"connection: keep-alive\r\n" if request.version == "1.0" else b""

    def _pace(self) -> None:
        """Reads while at most one request waits behind the one being answered."""
        pause = self._held or len(self._queue) > 1
        if pause != self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = pause
            if pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _tell_writable(self, yes: bool) -> None:
        if self._queue and self._queue[0].started and self._queue[0].handler is not None:
            self._queue[0].handler.writable(self._queue[0], yes)
