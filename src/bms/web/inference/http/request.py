"""One HTTP request as it comes in: its head, which requests may share, its body, and the port of whoever handles it."""

import re
from typing import Protocol

from bms.core.errors import BmsError
from bms.web.inference.http.framing import Header

_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")


class HttpRequestHandler(Protocol):
    """What becomes of a request. All calls come from the loop, in the order below; `answered` may come any time."""

    whole_body: bool  # whether `start` waits for the whole body

    def start(self, request: "HttpRequest") -> None:
        """It is this request's turn to be answered; what of the body is there already lies in `request.chunks`."""
        ...

    def body(self, request: "HttpRequest", chunk: bytes | memoryview) -> None:
        """More of the body, after `start`."""
        ...

    def end(self, request: "HttpRequest") -> None:
        """The body is complete, after `start`; not called where it was complete before."""
        ...

    def cancel(self, request: "HttpRequest") -> None:
        """The client is gone."""
        ...

    def writable(self, request: "HttpRequest", yes: bool) -> None:
        """The client takes the answer too slowly, or again fast enough."""
        ...


class Answerer(Protocol):
    """The client's connection, as handlers use it. Nothing is written once the client is gone."""

    def respond(
        self, request: "HttpRequest", status: int, content_type: bytes, body: bytes, headers: bytes = b""
    ) -> None:
        """The whole answer; `headers` are whole lines."""
        ...

    def respond_error(self, request: "HttpRequest", error: BmsError, headers: bytes = b"") -> None:
        """The whole answer, in the dialect of the request's path."""
        ...

    def begin_stream(self, request: "HttpRequest", status: int, headers: bytes, length: int | None) -> None:
        """The head of an answer that comes in pieces: `length` bytes in all, None where nobody knows yet."""
        ...

    def stream(self, request: "HttpRequest", data: bytes) -> None: ...

    def end_stream(self, request: "HttpRequest") -> None: ...

    def abort(self) -> None:
        """Ends the connection without an end of the answer, so that the client sees it is not whole."""
        ...

    def hold(self, yes: bool) -> None:
        """Reads no more of the body until told so: whoever takes it is slower than the client."""
        ...

    def continue_(self, request: "HttpRequest") -> None:
        """The client that waits to be asked for its body is asked."""
        ...

    @property
    def peer(self) -> str:
        """The client's address."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes that were written and that the client's socket did not take yet."""
        ...

    @property
    def slow_writer(self) -> bool:
        """Whether the client takes the answer too slowly now."""
        ...


class RequestHead:
    """The head of a request, as it was read and understood. Requests with the very same bytes share one, so nothing in
    it belongs to one request. Mutable, without ceremony: what is learnt about it later is kept in it."""

    length: int | None = 0  # of the body; None: chunked
    expects = False  # the client waits to be asked for its body
    keep_alive = True
    handler: HttpRequestHandler | None = None
    operation: object = None  # what the handler understood
    request_id: bytes | None = None  # the client's own
    memory: object = None  # the handler's own, true for as long as the handler says
    lines = b""  # of headers, that every answer has

    def __init__(self, method: bytes, target: bytes, version: str, headers: list[Header]) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.fields = dict(headers)

    @property
    def authorization(self) -> bytes | None:
        return self.fields.get(b"authorization")

    @property
    def api_key(self) -> bytes | None:
        return self.fields.get(b"x-api-key")


class HttpRequest:
    """Mutable, without ceremony: it is made once per request on the hot path."""

    size = 0  # of the body so far
    complete = False
    asked = False  # the client that waits for it was asked for its body
    keep_alive = True
    started = False  # its turn has come
    answering = False  # the head of the answer is written
    chunked_answer = False
    discard = False  # what comes of the body is of no interest
    refusal: BmsError | None = None
    handler: HttpRequestHandler | None = None
    id = b""
    caller: object = None
    state: object = None  # the handler's own

    def __init__(self, connection: "Answerer", head: RequestHead) -> None:
        self.connection = connection
        self.head = head
        self.handler = head.handler
        self.chunks: list[bytes | memoryview] = []

    @property
    def method(self) -> bytes:
        return self.head.method

    @property
    def target(self) -> bytes:
        return self.head.target

    @property
    def fields(self) -> dict[bytes, bytes]:
        """The last header of each name."""
        return self.head.fields

    @property
    def operation(self) -> object:
        return self.head.operation

    @property
    def expects(self) -> bool:
        """Whether the client still waits to be asked for its body."""
        return self.head.expects and not self.asked

    def body(self) -> bytes | memoryview:
        chunks = self.chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def request_id(given: bytes | None) -> bytes | None:
    """The client's own id where it is printable and short."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None
