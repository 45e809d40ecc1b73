"""HTTP requests: a request's head, which requests may share, its body, and the port to its handler."""

import re
from typing import Protocol

from bms.core.errors import BmsError
from bms.web.inference.http.framing import Header

_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")


class HttpRequestHandler(Protocol):
    """The port to handlers of requests. All calls come from the loop, in the order below; answers may be given any
    time."""

    whole_body: bool  # whether `start` waits for the whole body

    def start(self, request: "HttpRequest") -> None:
        """Called when this request is the next to be answered; what of the body is there already lies in
        `request.chunks`."""
        ...

    def body(self, request: "HttpRequest", chunk: bytes | memoryview) -> None:
        """Called with more of the body, after `start`."""
        ...

    def end(self, request: "HttpRequest") -> None:
        """Called when the body is complete, after `start`; not called where it was complete before."""
        ...

    def cancel(self, request: "HttpRequest") -> None:
        """Called when the client is gone."""
        ...

    def writable(self, request: "HttpRequest", yes: bool) -> None:
        """Called when the client takes the answer too slowly, or again fast enough."""
        ...


class Answerer(Protocol):
    """The port to a client's connection, as handlers answer on it. Nothing is written once the client is gone."""

    def respond(
        self, request: "HttpRequest", status: int, content_type: bytes, body: bytes, headers: bytes = b""
    ) -> None:
        """Sends the whole answer; `headers` are whole lines."""
        ...

    def respond_error(self, request: "HttpRequest", error: BmsError, headers: bytes = b"") -> None:
        """Sends an error as the whole answer, in the dialect of the request's path."""
        ...

    def begin_stream(self, request: "HttpRequest", status: int, headers: bytes, length: int | None) -> None:
        """Sends the head of an answer that comes in pieces: `length` bytes in all, None where nobody knows yet."""
        ...

    def stream(self, request: "HttpRequest", data: bytes) -> None: ...

    def end_stream(self, request: "HttpRequest") -> None: ...

    def abort(self) -> None:
        """Closes the connection before the answer is complete, so that the client notices."""
        ...

    def hold(self, yes: bool) -> None:
        """Pauses or resumes reading the body, for a handler that is slower than the client."""
        ...

    def continue_(self, request: "HttpRequest") -> None:
        """Sends 100 Continue to a client that waits for it."""
        ...

    @property
    def peer(self) -> str:
        """The client's address."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes that were written and that the client's socket has not taken yet."""
        ...

    @property
    def slow_writer(self) -> bool:
        """Whether the client takes the answer too slowly now."""
        ...


class RequestHead:
    """The parsed head of a request. Requests with the very same bytes share one, so nothing in it belongs to one
    request. Mutable, a plain class: what is learnt about it later is kept in it."""

    length: int | None = 0  # of the body; None: chunked
    expects = False  # the client waits for 100 Continue
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
    """One request: its head, body, handler and connection. Mutable, a plain class: it is made once per request on the
    hot path."""

    size = 0  # of the body so far
    complete = False
    continued = False  # whether 100 Continue was sent
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
        """Whether the client still waits for 100 Continue."""
        return self.head.expects and not self.continued

    def body(self) -> bytes | memoryview:
        chunks = self.chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def request_id(given: bytes | None) -> bytes | None:
    """Returns the client's own id where it is printable and short."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None
