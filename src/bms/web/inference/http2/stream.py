"""One HTTP/2 stream: a request and its answer."""

from collections import deque
from typing import Protocol

from bms.web.inference.http2.head import Http2Head


class Owner(Protocol):
    """The port to the connection's table of streams, as handlers use it."""

    peer: str  # the client's address
    buffered: int  # bytes of unfinished messages, counted by the handler

    def hold(self, stream: "Stream", yes: bool) -> None:
        """Pauses a stream: its client may send what its window still allows, and no more."""
        ...

    def abort(self, stream: "Stream") -> None:
        """Ends a stream before its answer is complete, so that the client notices."""
        ...


class SendQueue(deque[memoryview]):
    """Data of one stream that waits for the peer's windows. `size` counts its octets."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        super().__init__()
        self.size = 0


class StreamOutput(Protocol):
    """The port to the connection's writer, as handlers use it. Headers and trailers are encoded blocks below 16 KiB."""

    def answer(self, stream: "Stream", head: bytes, data: bytes, tail: bytes) -> None:
        """Sends a whole answer: headers, body and trailers."""
        ...

    def whole(self, stream: "Stream", head: bytes, data: bytes) -> None:
        """Sends a whole answer without trailers."""
        ...

    def headers(self, stream: "Stream", block: bytes) -> None:
        """Sends the head of an answer that comes in pieces."""
        ...

    def data(self, stream: "Stream", data: bytes | memoryview) -> None:
        """Sends more of the body; what the windows do not allow yet waits."""
        ...

    def end(self, stream: "Stream", block: bytes) -> None:
        """Sends the trailers, behind all that waits, none where `block` is empty; or, for an answer without body, its
        one header block."""
        ...


class Stream:
    """One stream. Mutable, a plain class: it is made once per request on the hot path. `state` is the handler's own."""

    __slots__ = (
        "ended", "head", "held", "id", "patient", "queue", "received", "since", "state", "table", "tail", "window_in",
        "window_out", "writer",
    )  # fmt: skip

    def __init__(
        self,
        table: Owner,
        writer: StreamOutput,
        stream_id: int,
        head: Http2Head,
        window_in: int,
        window_out: int,
        now: float,
    ) -> None:
        self.table = table
        self.writer = writer
        self.id = stream_id
        self.head = head
        self.window_in = window_in  # octets the client may still send
        self.window_out = window_out  # octets it still takes
        self.since = now  # it was opened, in seconds
        self.ended = False  # the client has sent all
        self.held = False  # the handler wants no more for now
        self.patient = False  # the body may take as long as it likes
        self.received = 0  # octets of the body
        self.queue: SendQueue | None = None  # what waits for windows
        self.tail: bytes | None = None  # what ends the answer, behind the queue: trailers, or empty
        self.state: object = None
