"""The half of a connection that handlers write to: whole answers, and answers in pieces."""

import asyncio
from abc import ABC, abstractmethod

from bms.core.errors import BmsError
from bms.web.inference.http.answers import error_headers
from bms.web.inference.http.request import HttpRequest
from bms.web.inference.http.server_context import ServerContext
from bms.web.inference.http1.answer_head import framing, opening, whole
from bms.web.inference.http1.reader import DRAINED

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class AnswerSide(ABC):
    """Implements `Answerer` but `hold`, on `_transport`, None once the client is gone."""

    _host: ServerContext
    _transport: asyncio.Transport | None

    @abstractmethod
    def _finish(self, request: HttpRequest) -> None:
        """Called when the answer is written whole."""

    def respond(
        self, request: HttpRequest, status: int, content_type: bytes, body: bytes, headers: bytes = b""
    ) -> None:
        transport = self._transport
        if transport is None or request.answering:
            return
        if request.head.lines:
            headers += request.head.lines
        line = self._connection_line(request)
        transport.write(whole(request, status, content_type, body, headers, self._host.date, line))
        request.answering = True
        self._finish(request)

    def respond_error(self, request: HttpRequest, error: BmsError, headers: bytes = b"") -> None:
        content_type, body = self._host.error_body(request, error)
        self.respond(request, error.http_status, content_type, body, error_headers(error) + headers)

    def begin_stream(self, request: HttpRequest, status: int, headers: bytes, length: int | None) -> None:
        transport = self._transport
        if transport is None:
            return
        delimited = framing(request, status, length)
        line = self._connection_line(request)
        transport.write(opening(request, status, headers + request.head.lines, self._host.date, delimited, line))
        request.answering = True

    def stream(self, request: HttpRequest, data: bytes) -> None:
        if self._transport is not None and data and request.method != b"HEAD":
            if request.chunked_answer:
                self._transport.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
            else:
                self._transport.write(data)

    def end_stream(self, request: HttpRequest) -> None:
        if self._transport is not None:
            if request.chunked_answer and request.method != b"HEAD":
                self._transport.write(b"0\r\n\r\n")
            self._finish(request)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def continue_(self, request: HttpRequest) -> None:
        if request.expects and not request.complete and not request.size and self._transport is not None:
            request.continued = True
            self._transport.write(_CONTINUE)

    @property
    def peer(self) -> str:
        address = self._transport.get_extra_info("peername") if self._transport is not None else None
        return address[0] if isinstance(address, tuple) else "local"

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    @property
    def slow_writer(self) -> bool:
        transport = self._transport
        return transport is not None and transport.get_write_buffer_size() > transport.get_write_buffer_limits()[1]

    def _must_close(self, request: HttpRequest) -> bool:
        if request.complete:
            return False
        length = request.head.length
        return request.expects or length is None or length - request.size > DRAINED

    def _connection_line(self, request: HttpRequest) -> bytes:
        if not request.keep_alive or self._host.draining or self._must_close(request):
            request.keep_alive = False
            return b"connection: close\r\n"
        return b"connection: keep-alive\r\n" if request.head.version == "1.0" else b""
