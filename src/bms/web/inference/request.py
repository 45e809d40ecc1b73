"""One HTTP request as it comes in, and the port of whoever handles it."""

import re
from typing import Protocol

from bms.core.errors import BmsError
from bms.web.inference.framing import Header

_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")


class Handler(Protocol):
    """What becomes of a request. All calls come from the loop, in the order below; `answered` may come any time."""

    whole_body: bool  # whether `start` waits for the whole body

    def start(self, request: "Request") -> None:
        """It is this request's turn to be answered; what of the body is there already lies in `request.chunks`."""
        ...

    def body(self, request: "Request", chunk: bytes) -> None:
        """More of the body, after `start`."""
        ...

    def end(self, request: "Request") -> None:
        """The body is complete, after `start`; not called where it was complete before."""
        ...

    def cancel(self, request: "Request") -> None:
        """The client is gone."""
        ...

    def writable(self, request: "Request", yes: bool) -> None:
        """The client takes the answer too slowly, or again fast enough."""
        ...


class Answerer(Protocol):
    """The client's connection, as handlers use it. Nothing is written once the client is gone."""

    def respond(self, request: "Request", status: int, content_type: bytes, body: bytes, headers: bytes = b"") -> None:
        """The whole answer; `headers` are whole lines."""
        ...

    def respond_error(self, request: "Request", error: BmsError, headers: bytes = b"") -> None:
        """The whole answer, in the dialect of the request's path."""
        ...

    def begin_stream(self, request: "Request", status: int, headers: bytes, length: int | None) -> None:
        """The head of an answer that comes in pieces: `length` bytes in all, None where nobody knows yet."""
        ...

    def stream(self, request: "Request", data: bytes) -> None: ...

    def end_stream(self, request: "Request") -> None: ...

    def abort(self) -> None:
        """Ends the connection without an end of the answer, so that the client sees it is not whole."""
        ...

    def hold(self, yes: bool) -> None:
        """Reads no more of the body until told so: whoever takes it is slower than the client."""
        ...

    def continue_(self, request: "Request") -> None:
        """The client that waits to be asked for its body is asked."""
        ...

    @property
    def peer(self) -> str:
        """The client's address."""
        ...

    @property
    def slow_writer(self) -> bool:
        """Whether the client takes the answer too slowly now."""
        ...


class Request:
    """Mutable, without ceremony: it is made once per request on the hot path."""

    length: int | None = 0  # of the body; None: chunked
    size = 0  # of the body so far
    complete = False
    expects = False
    keep_alive = True
    started = False  # its turn has come
    answering = False  # the head of the answer is written
    chunked_answer = False
    discard = False  # what comes of the body is of no interest
    refusal: BmsError | None = None
    handler: Handler | None = None
    id = b""
    operation: object = None  # what the handler understood
    caller: object = None
    state: object = None  # the handler's own

    def __init__(
        self, connection: "Answerer", method: bytes, target: bytes, version: str, headers: list[Header]
    ) -> None:
        self.connection = connection
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.fields = dict(headers)
        self.chunks: list[bytes] = []

    def body(self) -> bytes:
        chunks = self.chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def request_id(given: bytes | None) -> bytes | None:
    """The client's own id where it is printable and short."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None
