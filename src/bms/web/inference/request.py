"""One HTTP request as it comes in, and the port of whoever handles it."""

import re
from typing import TYPE_CHECKING, Protocol

from bms.core.errors import BmsError
from bms.web.inference.framing import Header

if TYPE_CHECKING:
    from bms.web.inference.connection import HttpConnection

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


class Request:
    """Mutable, without ceremony: it is made once per request on the hot path."""

    __slots__ = (
        "answering",
        "caller",
        "chunked_answer",
        "chunks",
        "complete",
        "connection",
        "discard",
        "expects",
        "fields",
        "handler",
        "headers",
        "id",
        "keep_alive",
        "length",
        "method",
        "operation",
        "refusal",
        "size",
        "started",
        "state",
        "target",
        "version",
    )

    def __init__(self, connection: "HttpConnection", method: bytes, target: bytes, version: str) -> None:
        self.connection = connection
        self.method = method
        self.target = target
        self.version = version
        self.headers: list[Header] = []
        self.fields: dict[bytes, bytes] = {}
        self.length: int | None = 0  # None: chunked
        self.chunks: list[bytes] = []
        self.size = 0  # of the body so far
        self.complete = False
        self.expects = False
        self.keep_alive = True
        self.started = False  # its turn has come
        self.answering = False  # the head of the answer is written
        self.chunked_answer = False
        self.discard = False  # what comes of the body is of no interest
        self.refusal: BmsError | None = None
        self.handler: Handler | None = None
        self.id = b""
        self.operation: object = None  # what the handler understood
        self.caller: object = None
        self.state: object = None  # the handler's own

    def body(self) -> bytes:
        chunks = self.chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def request_id(given: bytes | None, fresh: bytes) -> bytes:
    """The client's own id where it is printable and short, else the fresh one."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else fresh
