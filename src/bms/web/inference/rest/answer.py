"""Answers one HTTP/2 stream as handlers expect it: the `Answerer` of HTTP/2."""

from typing import Protocol

from bms.core.errors import BmsError
from bms.web.inference.http.answers import error_headers
from bms.web.inference.http.request import HttpRequest
from bms.web.inference.http2.stream import Stream
from bms.web.inference.rest import answer_fields
from bms.web.inference.rest.body import RequestBody

_BEHIND = 1 << 17  # bytes that wait for the client: whoever sends more has to wait, too


class RestAnswerContext(Protocol):
    """What answers need of the server."""

    date: bytes  # a whole Date header line

    def error_body(self, request: HttpRequest, error: BmsError) -> tuple[bytes, bytes]:
        """Returns content type and body for an error, in the dialect of the request's path."""
        ...


class StreamAnswer:
    """The Answerer to one request. Mutable, a plain class. Nothing is written once the request is gone: answered, or
    its client is."""

    __slots__ = ("_host", "_slow", "_stream", "_unsent", "body", "kept", "request", "since")

    def __init__(self, host: RestAnswerContext, stream: Stream) -> None:
        self._host = host
        self._stream = stream
        self._slow = False  # the handler knows that the client takes too little
        self._unsent = 0  # bytes, when last looked at
        self.since = stream.since  # the client was last seen to take something, in seconds
        self.request: HttpRequest | None = None  # until it is answered
        self.body: RequestBody | None = None  # what came of it, until the handler gets it
        self.kept = 0  # bytes of it that count on the connection

    # --- an Answerer ---

    def respond(
        self, request: HttpRequest, status: int, content_type: bytes, body: bytes, headers: bytes = b""
    ) -> None:
        if self.request is None or request.answering:
            return
        block = answer_fields.whole(status, content_type, len(body), self._lines(request, headers))
        request.answering = True
        self.close()
        stream = self._stream
        if body and request.method != b"HEAD":
            stream.writer.whole(stream, block, body)
        else:
            stream.writer.end(stream, block)

    def respond_error(self, request: HttpRequest, error: BmsError, headers: bytes = b"") -> None:
        content_type, body = self._host.error_body(request, error)
        self.respond(request, error.http_status, content_type, body, error_headers(error) + headers)

    def begin_stream(self, request: HttpRequest, status: int, headers: bytes, length: int | None) -> None:
        if self.request is not None:
            request.answering = True
            block = answer_fields.opening(status, length, self._lines(request, headers))
            self._stream.writer.headers(self._stream, block)

    def stream(self, request: HttpRequest, data: bytes) -> None:
        if self.request is None or not data or request.method == b"HEAD":
            return
        self._stream.writer.data(self._stream, data)
        if not self._slow and self.unsent > _BEHIND and request.handler is not None:
            self._slow = True
            request.handler.writable(request, False)

    def end_stream(self, request: HttpRequest) -> None:
        if self.request is not None:
            self.close()
            self._stream.writer.end(self._stream, b"")

    def abort(self) -> None:
        self.close()
        self._stream.table.abort(self._stream)

    def hold(self, yes: bool) -> None:
        if self.request is not None and yes != self._stream.held:
            self._stream.table.hold(self._stream, yes)

    def continue_(self, request: HttpRequest) -> None:
        if request.expects and not request.complete and not request.size and self.request is not None:
            request.continued = True
            self._stream.writer.headers(self._stream, answer_fields.CONTINUE)

    @property
    def peer(self) -> str:
        return self._stream.table.peer

    @property
    def unsent(self) -> int:
        queue = self._stream.queue
        return queue.size if queue else 0

    @property
    def slow_writer(self) -> bool:
        return self._slow

    # --- what the server tells ---

    def close(self) -> None:
        """Stops taking and sending anything, and breaks the reference cycle."""
        self.request = self.body = None
        self.keep(0)

    def keep(self, size: int) -> None:
        """Counts the bytes of the body that are buffered on its connection."""
        self._stream.table.buffered += size - self.kept
        self.kept = size

    @property
    def buffered(self) -> int:
        """Bytes that are buffered on its connection, of all streams."""
        return self._stream.table.buffered

    def writable(self) -> None:
        """Called when the client took all that waited."""
        request = self.request
        if self._slow and request is not None and request.handler is not None:
            self._slow = False
            request.handler.writable(request, True)

    def stuck_s(self, now: float) -> float:
        """Seconds for which the client has taken nothing of what waits for it."""
        unsent = self.unsent
        if not unsent or unsent != self._unsent:
            self.since = now
        self._unsent = unsent
        return now - self.since

    def _lines(self, request: HttpRequest, headers: bytes) -> bytes:
        return b"%b%bx-request-id: %b\r\n%b" % (headers, request.head.lines, request.id, self._host.date)
