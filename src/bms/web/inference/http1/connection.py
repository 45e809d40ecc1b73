"""One client's HTTP/1.1 connection: requests are answered one after another, in the order they came."""

import asyncio
from collections import deque
from typing import cast

from bms.core.errors import BmsError
from bms.web.inference.http.request import HttpRequest, RequestHead, request_id
from bms.web.inference.http.server_context import ServerContext
from bms.web.inference.http1.answer_side import AnswerSide
from bms.web.inference.http1.bulk import BulkBody
from bms.web.inference.http1.reader import RequestReader

_FULL_BODY = b'{"error":"this gateway has as many connections as it may: come again shortly"}'
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(_FULL_BODY), _FULL_BODY)
)


class HttpConnection(AnswerSide, asyncio.Protocol):
    """A protocol of asyncio; Receiver of requests and Answerer to them. It decides what is read, and in which order it
    is answered."""

    def __init__(self, host: ServerContext) -> None:
        self._host = host
        now = host.now()
        self._reader = RequestReader(self, host.limits, now)
        self._transport: asyncio.Transport | None = None
        self._queue: deque[HttpRequest] = deque()  # its first is being answered
        self._paused = False
        self._held = False  # a handler asked to read no more
        self._advancing = False
        self._since = now  # the last answer was whole, or the last unsent byte was seen to go
        self._unsent = 0  # bytes, when last looked at

    # --- what the loop tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        if len(self._host.connections) >= self._host.limits.connections:
            self._transport.write(_FULL)
            self.close()
            return
        self._host.connections.add(self)

    def data_received(self, data: bytes) -> None:
        reader, queue = self._reader, self._queue
        if reader.deaf:
            return
        fresh = not queue and reader.phase == "idle"
        if fresh:
            end = data.find(b"\r\n\r\n") + 4
            found = self._host.heads.find(data, end)
            if found is not None and found[0].length == len(data) - end:
                self._open_cached(found[0], found[1], data[end:])
                return
        try:
            more = reader.feed(data, self._host.now())
        except BmsError as error:
            self._refuse_rest(error)
        else:
            if (request := reader.request) is not None and not self._paused and reader.bulk() is request:
                self._read_in_bulk(request)
            if not more and queue:
                queue[-1].keep_alive = False
            elif fresh and len(queue) == 1 and (request := queue[0]).complete and self._host.remembers(request):
                self._host.heads.remember(data, request)
        self._advance()

    def eof_received(self) -> bool:
        return False  # a client that sends no more is taken to be gone, as most proxies do

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.connections.discard(self)
        self._transport = None
        self._reader.deaf = True
        queue, self._queue = self._queue, deque()
        for request in queue:
            if request.started and request.handler is not None:
                request.handler.cancel(request)

    def pause_writing(self) -> None:
        self._notify_writable(False)

    def resume_writing(self) -> None:
        self._notify_writable(True)

    # --- what the reader tells ---

    def opened(self, request: HttpRequest) -> None:
        self._name(request)
        self._queue.append(request)
        self._host.open(request)

    def unreadable(self, request: HttpRequest, error: BmsError) -> None:
        self._name(request)
        request.refusal, request.discard, request.keep_alive = error, True, False
        self._queue.append(request)

    # --- what handlers ask of reading ---

    def hold(self, yes: bool) -> None:
        self._held = yes
        self._pace()

    # --- time, and the end ---

    @property
    def idle(self) -> bool:
        return not self._queue and self._reader.phase == "idle"

    def check_time(self, now: float) -> None:
        """Ends a connection whose client is too slow; called every second."""
        limits, reader, transport = self._host.limits, self._reader, self._transport
        if transport is None:
            return
        unsent = transport.get_write_buffer_size()
        if unsent < self._unsent or (unsent and not self._unsent):
            self._since = now
        self._unsent = unsent
        if unsent:
            if now - self._since > limits.write_timeout_s:
                self.abort()
        elif reader.deaf:
            if now - self._since > limits.linger_s and not self._queue:
                self.abort()
        elif self._paused:
            reader.since = now  # it is us who do not read
        elif reader.phase != "idle":
            late = reader.late(now)
            if late is not None and (reader.phase == "body" or not self._queue):
                self._refuse_rest(late)
                self._advance()
        elif not self._queue and now - max(self._since, reader.since) > limits.keep_alive_s:
            self.close()

    def drain(self) -> None:
        """Ends the connection as soon as nothing is being answered; the server's `draining` sees to the rest."""
        if self.idle:
            self.close()

    def close(self) -> None:
        """Ends the connection once what was written is sent."""
        self._reader.deaf = True
        if self._transport is not None:
            self._transport.close()

    def _open_cached(self, head: RequestHead, id: bytes | None, body: bytes) -> None:
        """Handles a whole request whose head is cached. `id` is the client's own."""
        request = HttpRequest(self, head)
        request.id = id or self._host.fresh_id()
        request.chunks.append(body)
        request.size = len(body)
        request.complete = True
        self._queue.append(request)
        try:
            self._host.reopen(request)
        except BmsError as error:
            request.refusal = error
            self._advance()
            return
        request.started = True
        assert request.handler is not None
        request.handler.start(request)

    def _read_in_bulk(self, request: HttpRequest) -> None:
        self._change_hands(BulkBody(request, self, self._bulk_read))

    def _bulk_read(self, request: HttpRequest, body: memoryview) -> None:
        self._change_hands(self)
        self._reader.finished(request, body)
        self._advance()

    def _change_hands(self, protocol: asyncio.BaseProtocol) -> None:
        """Switches the receiver of what is read; the loop looks at that when reading begins."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.pause_reading()
            transport.set_protocol(protocol)
            if not self._paused:
                transport.resume_reading()

    def _name(self, request: HttpRequest) -> None:
        head = request.head
        head.request_id = request_id(head.fields.get(b"x-request-id"))
        request.id = head.request_id or self._host.fresh_id()

    def _refuse_rest(self, error: BmsError) -> None:
        """Refuses what comes in now and all after it, since it can't be parsed."""
        request = self._reader.request
        self._reader.deaf = True
        if request is None or request not in self._queue:
            request = HttpRequest(self, RequestHead(b"", b"", "1.1", []))
            self._name(request)
            self._queue.append(request)
        elif request.answering:
            self._drop(request)
            self.abort()
            return
        else:
            self._drop(request)
        request.refusal, request.discard, request.keep_alive = error, True, False

    def _drop(self, request: HttpRequest) -> None:
        if request.started and request.handler is not None and not request.discard:
            request.handler.cancel(request)
        request.started = False

    def _advance(self) -> None:
        """Starts the requests that are next. Not reentered: an answer given at once only marks its end."""
        if self._advancing:
            return
        self._advancing = True
        while self._queue and self._start(self._queue[0]):
            pass
        self._advancing = False
        if self._paused or self._held or len(self._queue) > 1:
            self._pace()

    def _start(self, request: HttpRequest) -> bool:
        """Starts a request; true when it is done with and the next may start."""
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

    def _finish(self, request: HttpRequest) -> None:
        """Called when the answer is written whole."""
        request.discard = not request.complete
        self._held = False
        self._since = self._host.now()
        if request.keep_alive and not self._must_close(request):
            if self._queue and self._queue[0] is request:
                self._queue.popleft()
            if not self._advancing and (self._queue or self._paused):
                self._advance()
            return
        self._queue.clear()
        self._reader.deaf = True
        if self._transport is not None:
            if request.complete or not self._transport.can_write_eof():  # TLS reads on by itself when it is closed
                self._transport.close()
            else:
                self._transport.write_eof()  # closing over unread bytes would reset the answer away
                self._pace()

    def _pace(self) -> None:
        """Pauses reading while more than one request waits behind the one being answered."""
        pause = self._held or len(self._queue) > 1
        if pause != self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = pause
            if pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _notify_writable(self, yes: bool) -> None:
        if self._queue and self._queue[0].started and self._queue[0].handler is not None:
            self._queue[0].handler.writable(self._queue[0], yes)
