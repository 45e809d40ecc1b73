"""One gRPC call, as methods see it."""

from collections.abc import Callable

from bms.core.errors import BmsError
from bms.web.inference.grpc.call_head import CallHead
from bms.web.inference.grpc.messages import MessageReader, framed, pieces
from bms.web.inference.grpc.status import OK_TAIL, answer_head, error_only, error_tail
from bms.web.inference.http2.stream import Stream

_LARGE = 1 << 16  # bytes


class RpcCall:
    """One gRPC call: its messages, and the ways to answer it. Mutable, a plain class: it is made once per call on the
    hot path. Nothing is written once it is `over`."""

    __slots__ = (
        "caller", "deadline", "head", "id", "kept", "over", "read_on", "reader", "size", "started", "state", "stream",
        "through",
    )  # fmt: skip

    def __init__(self, stream: Stream, head: CallHead, request_id: bytes, read_on: "Callable[[RpcCall], None]") -> None:
        self.stream = stream
        self.head = head
        self.id = request_id
        self.read_on = read_on
        timeout = head.timeout_s
        self.deadline = None if timeout is None else stream.since + timeout  # seconds, on the session's clock
        self.over = False  # answered, failed or cancelled
        self.started = False  # the head of the answer is written
        self.through = False  # the client's last message was given
        self.size = 0  # bytes the client sent
        self.kept = 0  # bytes of them that are kept here
        self.reader: MessageReader | None = None
        self.caller: object = None  # who calls, as the method understood it
        self.state: object = None  # the method's own

    def respond(self, message: bytes, fields: bytes = b"") -> None:
        """Sends the whole answer: one message and success. `fields` are more of its head, encoded."""
        if not self.over:
            self.close()
            stream, writer = self.stream, self.stream.writer
            head = answer_head(self.id)
            if fields:
                head += fields
            if len(message) < _LARGE:
                writer.answer(stream, head, framed(message), OK_TAIL)
                return
            writer.headers(stream, head)
            for piece in pieces(message):
                writer.data(stream, piece)
            writer.end(stream, OK_TAIL)

    def send(self, message: bytes) -> None:
        """Sends one message of many."""
        if not self.over:
            if not self.started:
                self.started = True
                self.stream.writer.headers(self.stream, answer_head(self.id))
            self.stream.writer.data(self.stream, framed(message))

    def finish(self) -> None:
        """Ends the call with success, after all that was sent."""
        if not self.over:
            self.close()
            self.stream.writer.end(self.stream, OK_TAIL if self.started else answer_head(self.id) + OK_TAIL)

    def fail(self, error: BmsError) -> None:
        """Ends the call with the error, after all that was sent."""
        if not self.over:
            self.close()
            tail = error_tail(error) if self.started else error_only(self.id, error)
            self.stream.writer.end(self.stream, tail)

    def close(self) -> None:
        """Stops taking messages and sending answers."""
        self.over = True
        if self.kept:
            self.keep(0)
            self.reader = None

    def keep(self, size: int) -> None:
        """Counts the bytes that are buffered for this call on its connection."""
        self.stream.table.buffered += size - self.kept
        self.kept = size

    def hold(self, yes: bool) -> None:
        """Stops or resumes taking messages: what comes meanwhile is buffered, up to the stream's window."""
        if yes != self.stream.held:
            self.stream.table.hold(self.stream, yes)
            if not yes:
                self.read_on(self)

    @property
    def congested(self) -> bool:
        """Whether messages wait for the client to take them; `writable` is called when none does."""
        return bool(self.stream.queue)
