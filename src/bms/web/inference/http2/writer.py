"""Writes frames to one HTTP/2 connection: gathered for one write, data within the windows that the peer gave."""

from collections.abc import Callable

from bms.web.inference.http2 import frames
from bms.web.inference.http2.faults import FLOW_CONTROL_ERROR, PROTOCOL_ERROR, ConnectionFault, StreamFault
from bms.web.inference.http2.frames import DATA, END_HEADERS, END_STREAM, HEAD, HEADERS, MAX_WINDOW
from bms.web.inference.http2.stream import SendQueue, Stream

_pack = HEAD.pack


class Writer:
    """The writer of one connection. `wake` is called when there is something to write, `done` when a stream's answer is
    written whole, `drained` when a stream's queue has become empty before its end, `sent` for each frame of data."""

    def __init__(
        self,
        wake: Callable[[], object],
        done: Callable[[Stream], None],
        drained: Callable[[Stream], None],
        sent: Callable[[], None],
    ) -> None:
        self._wake = wake
        self._done = done
        self._drained = drained
        self._sent = sent
        self._out: list[bytes | memoryview] = []
        self.waiting: dict[int, Stream] = {}  # streams with a queue, the next to be served first
        self.window = frames.FIRST_WINDOW
        self.first_window = frames.FIRST_WINDOW
        self.frame_size = frames.LEAST_FRAME_SIZE
        self.paused = False  # the socket takes no more for now
        self.queued = 0  # octets of data that wait
        self.progress = 0  # counts what went out of queues, to see a peer that takes nothing

    def take(self) -> list[bytes | memoryview]:
        """Returns what is to be written now; from here on it counts as written."""
        out, self._out = self._out, []
        return out

    def put(self, frame: bytes) -> None:
        self._out.append(frame)
        self._wake()

    def answer(self, stream: Stream, head: bytes, data: bytes, tail: bytes) -> None:
        """Sends a whole answer: headers, body and trailers, the first and last as header blocks."""
        size, stream_id = len(data), stream.id
        if size > stream.window_out or size > self.window or size > self.frame_size or self.paused:
            self.headers(stream, head)
            self.data(stream, data)
            self.end(stream, tail)
            return
        self.window -= size
        self._out.append(
            b"".join(
                (
                    _pack(len(head) << 8 | HEADERS, END_HEADERS, stream_id),
                    head,
                    _pack(size << 8 | DATA, 0, stream_id),
                    data,
                    _pack(len(tail) << 8 | HEADERS, END_HEADERS | END_STREAM, stream_id),
                    tail,
                )
            )
        )
        self._wake()
        self._done(stream)

    def whole(self, stream: Stream, head: bytes, data: bytes) -> None:
        """Sends a whole answer without trailers: headers, the first as a block, and body."""
        size, stream_id = len(data), stream.id
        if not size or size > stream.window_out or size > self.window or size > self.frame_size or self.paused:
            self.headers(stream, head)
            self.data(stream, data)
            self.end(stream, b"")
            return
        self.window -= size
        self._out.append(
            b"".join(
                (
                    _pack(len(head) << 8 | HEADERS, END_HEADERS, stream_id),
                    head,
                    _pack(size << 8 | DATA, END_STREAM, stream_id),
                    data,
                )
            )
        )
        self._wake()
        self._done(stream)

    def headers(self, stream: Stream, block: bytes) -> None:
        """Sends the head of an answer; `block` is shorter than the least frame size: our heads are."""
        self.put(_pack(len(block) << 8 | HEADERS, END_HEADERS, stream.id) + block)

    def data(self, stream: Stream, data: bytes | memoryview) -> None:
        """Sends more of the body; what the windows do not allow yet waits."""
        if not data:
            return
        if stream.queue is None:
            stream.queue = SendQueue()
        stream.queue.append(memoryview(data))
        stream.queue.size += len(data)
        self.queued += len(data)
        self.waiting[stream.id] = stream
        self.pump()

    def end(self, stream: Stream, block: bytes) -> None:
        """Sends the trailers, behind all that waits, none where `block` is empty; or, for an answer without body, its
        one header block."""
        if stream.queue:
            stream.tail = block
            return
        if not block:
            self.put(_pack(DATA, END_STREAM, stream.id))
            self._done(stream)
            return
        self.put(_pack(len(block) << 8 | HEADERS, END_HEADERS | END_STREAM, stream.id) + block)
        self._done(stream)

    def forget(self, stream: Stream) -> None:
        """Drops what waits on a closed stream."""
        self.waiting.pop(stream.id, None)
        if stream.queue:
            self.queued -= stream.queue.size
        stream.queue = None

    def pump(self) -> None:
        """Sends what waits, a frame of each stream in turn, while windows and socket allow it."""
        stuck: dict[int, Stream] = {}
        while self.waiting and self.window > 0 and not self.paused:
            stream_id = next(iter(self.waiting))
            stream = self.waiting.pop(stream_id)
            queue = stream.queue
            if not queue:
                continue
            if stream.window_out <= 0:
                stuck[stream_id] = stream
                continue
            self._send_one(stream, queue)
            if queue:
                self.waiting[stream_id] = stream
            elif stream.tail is not None:
                self.end(stream, stream.tail)
            else:
                self._drained(stream)
        if stuck:
            self.waiting = stuck | self.waiting

    def _send_one(self, stream: Stream, queue: SendQueue) -> None:
        data = queue[0]
        size = min(len(data), self.frame_size, self.window, stream.window_out)
        if size == len(data):
            queue.popleft()
        else:
            queue[0] = data[size:]
            data = data[:size]
        self.window -= size
        self.queued -= size
        queue.size -= size
        stream.window_out -= size
        self.progress += 1
        self._out += (_pack(size << 8 | DATA, 0, stream.id), data)
        self._wake()
        self._sent()

    # --- what the peer says of its windows ---

    def widen(self, octets: int) -> None:
        """Widens the connection's window. Raises ConnectionFault for an increment of none, and for too large a
        window."""
        if not octets:
            raise ConnectionFault(PROTOCOL_ERROR, "a window update of 0")
        self.window += octets
        if self.window > MAX_WINDOW:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "the connection's window is above 2**31-1")
        self.pump()

    def widen_stream(self, stream: Stream, octets: int) -> None:
        """Widens a stream's window. Raises StreamFault, as `widen`."""
        if not octets:
            raise StreamFault(stream.id, PROTOCOL_ERROR, "a window update of 0")
        stream.window_out += octets
        if stream.window_out > MAX_WINDOW:
            raise StreamFault(stream.id, FLOW_CONTROL_ERROR, "the stream's window is above 2**31-1")
        if stream.queue:
            self.pump()

    def set_first_window(self, size: int, streams: dict[int, Stream]) -> None:
        """Changes the windows of open streams too, which may become negative (RFC 9113, section 6.9.2)."""
        more, self.first_window = size - self.first_window, size
        for stream in streams.values():
            stream.window_out += more
            if stream.window_out > MAX_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "a stream's window is above 2**31-1")
        self.pump()
