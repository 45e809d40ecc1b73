"""Parses a client's bytes into requests, by httptools, within limits on everything that a client could fill memory
with."""

import re
from typing import Literal, Protocol

import httptools

from bms.core.errors import BmsError, DeadlineExceeded, InvalidArgument
from bms.web.inference.http.framing import Header, HeaderTooLarge, check_body_size, check_method, frame
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import Answerer, HttpRequest, RequestHead
from bms.web.inference.http1.bulk import LARGE

DRAINED = 256 << 10  # a body that nobody wants is read and dropped up to this size, to keep the connection
_CHUNK_OVERHEAD = 64 << 10
_WITH_BODY = frozenset((b"content-length", b"transfer-encoding"))
_UNKNOWN_METHOD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z\-]+) /[!-~]* HTTP/1\.[01]\r\n")
Phase = Literal["idle", "head", "body"]


class RequestTimeout(DeadlineExceeded):
    """Raised with 408: the client sends too slowly."""

    http_status = 408


class Receiver(Answerer, Protocol):
    """The port to the connection that gets the requests."""

    def opened(self, request: HttpRequest) -> None:
        """Called when a head is whole and valid. Raises BmsError to refuse the request, and only it."""
        ...

    def unreadable(self, request: HttpRequest, error: BmsError) -> None:
        """Called when a whole head is invalid; nothing after it is read."""
        ...


class RequestReader:
    """Parses bytes and passes requests to its connection. `request` is the one whose body comes in now; `phase` lasts
    since `since`, in the same seconds that `feed` is given."""

    def __init__(self, receiver: Receiver, limits: HttpLimits, now: float) -> None:
        self._receiver = receiver
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: list[Header] = []
        self._fed = 0  # bytes of a head or chunked body that is not whole yet, those being fed now included
        self._latest = 0  # bytes being fed now
        self._plain = b""  # the head of a request that wishes another protocol, without the wish
        self._ends = False  # such a request came: it is the connection's last
        self._now = now
        self.request: HttpRequest | None = None
        self.phase: Phase = "idle"
        self.since = now
        self.deaf = False  # nothing more is read as requests

    def feed(self, data: bytes, now: float) -> bool:
        """Parses bytes; false when the client is not read any further. Raises BmsError when these bytes can't be read
        either."""
        self._now = now
        if self.phase == "idle":
            self.phase, self.since, self._fed = "head", now, 0
        self._latest = len(data)
        self._fed += self._latest
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            if (unknown := _UNKNOWN_METHOD.match(data)) and isinstance(error, httptools.HttpParserInvalidMethodError):
                check_method(unknown[1])
            raise InvalidArgument(f"this is not valid HTTP/1.1: {error}") from None
        self._check_fed()
        return not self.deaf

    def bulk(self) -> HttpRequest | None:
        """Returns the request with so much body to come that it is better read past the parser; its handler waits for
        the whole of it. `finished` must follow."""
        request = self.request
        if request is None or self.deaf or request.discard or request.started:
            return None
        length, handler = request.head.length, request.handler
        if length is None or length - request.size < LARGE or handler is None or not handler.whole_body:
            return None
        return request

    def finished(self, request: HttpRequest, body: memoryview) -> None:
        """Called when the whole body came past the parser, which begins anew behind it."""
        self._parser = httptools.HttpRequestParser(self)
        request.chunks.append(body)
        self.on_message_complete()

    def late(self, now: float) -> RequestTimeout | None:
        """Returns the error for a client that took too long for its head or body."""
        limits, waited = self._limits, now - self.since
        if self.phase == "head" and waited > limits.header_timeout_s:
            return RequestTimeout("the head of the request did not come in time")
        if self.phase == "body" and self.request is not None:
            allowed = limits.body_timeout_s + self.request.size / limits.body_bytes_per_s
            if waited > allowed:
                return RequestTimeout("the body of the request did not come in time")
        return None

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            plain, self._plain = self._plain, b""
            if not plain:
                self.deaf = True  # we stay with HTTP/1.1, and what follows is in a protocol we do not speak
                return
            self._parser = httptools.HttpRequestParser(self)
            self._ends = True
            self._parse(plain + data[upgrade.args[0] :])

    # --- what the parser tells ---

    def on_message_begin(self) -> None:
        if self.phase == "idle":  # behind another request, in the same bytes
            self.phase, self.since = "head", self._now

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value.rstrip(b" \t")))  # the parser leaves what stands behind it

    def on_headers_complete(self) -> None:
        parser, receiver = self._parser, self._receiver
        headers, self._headers = self._headers, []  # trailers go to the new list, and nowhere from there
        head = RequestHead(parser.get_method(), self._url, parser.get_http_version(), headers)
        if parser.should_upgrade() and (head.fields.keys() & _WITH_BODY) and not self.deaf:
            self._plain = _without_upgrade(head)
            self._url = b""
            return
        self.request = request = HttpRequest(receiver, head)
        self._url = b""
        self.phase, self.since = "body", self._now
        if self.deaf:
            return
        if self._ends or not parser.should_keep_alive():
            head.keep_alive = request.keep_alive = False
        try:
            self._check_size(head)
            frame(head, self._limits)
        except BmsError as error:
            self.deaf = True
            receiver.unreadable(request, error)
            return
        try:
            receiver.opened(request)
            if head.length and request.handler is not None and request.handler.whole_body:
                check_body_size(head.length, self._limits)
        except BmsError as error:
            request.refusal, request.discard = error, True

    def on_body(self, chunk: bytes) -> None:
        request = self.request
        if request is None or self.deaf:
            return
        request.size += len(chunk)
        if request.discard:
            if request.size > DRAINED:
                request.keep_alive = False
            return
        handler = request.handler
        if request.started and handler is not None:
            handler.body(request, chunk)
            return
        request.chunks.append(chunk)
        if request.size > self._limits.body_bytes and handler is not None and handler.whole_body:
            request.chunks.clear()
            request.discard = True
            try:
                check_body_size(request.size, self._limits)
            except BmsError as error:
                request.refusal = error

    def on_message_complete(self) -> None:
        if self._plain:
            return
        request, self.request = self.request, None
        self.phase, self.since, self._fed = "idle", self._now, self._latest
        if self._headers:
            self._headers = []  # trailers, which must not become headers of the next request
        if request is None or self.deaf:
            return
        request.complete = True
        if request.started and not request.discard and request.handler is not None:
            request.handler.end(request)

    def _check_fed(self) -> None:
        """Raises where an unfinished head or body has grown too large; the latest bytes may have begun with other
        things."""
        phase, request, latest = self.phase, self.request, self._latest
        if phase == "head" and self._fed - latest > self._limits.header_bytes:
            raise HeaderTooLarge(f"the head is larger than {self._limits.header_bytes} bytes")
        chunked = phase == "body" and request is not None and request.head.length is None
        if chunked and request is not None and self._fed - latest > request.size * 8 + _CHUNK_OVERHEAD:
            raise InvalidArgument("the chunks of this body are too small: send larger ones")

    def _check_size(self, head: RequestHead) -> None:
        limits = self._limits
        if self._fed <= limits.target_bytes and self._fed <= limits.header_bytes:
            return  # the head is a part of that
        size = sum(len(name) + len(value) + 4 for name, value in head.headers)
        if size > limits.header_bytes or len(head.target) > limits.target_bytes:
            raise HeaderTooLarge(
                f"the head is too large: {limits.target_bytes} bytes of target and {limits.header_bytes} bytes of "
                "headers are taken"
            )


def _without_upgrade(head: RequestHead) -> bytes:
    """Returns a head without its Upgrade header, which is ignored (RFC 9110, section 7.8). The parser would take a body
    behind it for the other protocol."""
    lines = [b"%b: %b\r\n" % header for header in head.headers if header[0] != b"upgrade"]
    start = b"%b %b HTTP/%b\r\n" % (head.method, head.target, head.version.encode())
    return b"".join((start, *lines, b"\r\n"))
