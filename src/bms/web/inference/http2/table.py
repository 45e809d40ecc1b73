"""The streams of one HTTP/2 connection: opened, fed, answered, reset; and frames that still come for closed ones."""

from typing import Protocol

from bms.web.inference.http2 import faults, frames
from bms.web.inference.http2.budget import Budget
from bms.web.inference.http2.faults import ConnectionFault, StreamFault
from bms.web.inference.http2.head import check_trailers
from bms.web.inference.http2.heads import HeadReader
from bms.web.inference.http2.hpack import ListTooLarge
from bms.web.inference.http2.limits import Http2Limits
from bms.web.inference.http2.stream import Stream
from bms.web.inference.http2.writer import Writer

_LATE = 1024  # streams ended by us whose frames may still be on their way


class Http2Handler(Protocol):
    """The port to the handler of streams. Every stream that was opened is answered, or reset, but not both."""

    too_large: bytes  # the block that answers a header list which is over its limit

    def opened(self, stream: Stream) -> None:
        """Called when the head is there; `stream.ended` says whether that was all."""
        ...

    def data(self, stream: Stream, data: bytes) -> None:
        """Called with more of the body, maybe empty; `stream.ended` says whether it is the last."""
        ...

    def reset(self, stream: Stream) -> None:
        """Called when nobody waits for the answer any more."""
        ...

    def writable(self, stream: Stream) -> None:
        """Called when what waited on the stream has been written."""
        ...

    def check_time(self, stream: Stream, now: float) -> None:
        """Called once a second."""
        ...


class StreamTable:
    """The table of a connection's streams. `on_…` are called with each frame's flags, stream and payload. They raise
    ConnectionFault and StreamFault."""

    def __init__(self, limits: Http2Limits, handler: Http2Handler, writer: Writer, budget: Budget, now: float) -> None:
        self.now = now  # seconds, kept by the session
        self.peer = "local"
        self.writer = writer
        self.heads = HeadReader(limits)
        self.open: dict[int, Stream] = {}
        self.last = 0  # the newest stream
        self.refusing = False  # no new stream is served
        self.buffered = 0  # bytes of unfinished messages, counted by the handler
        self._limits = limits
        self._handler = handler
        self._budget = budget
        self._window = limits.connection_window
        self._late: dict[int, None] = {}

    # --- what handlers do ---

    def hold(self, stream: Stream, yes: bool) -> None:
        """Pauses a stream: its client may send what its window still allows, and no more."""
        stream.held = yes
        if not yes and stream.id in self.open:
            self._credit(stream)

    def abort(self, stream: Stream) -> None:
        """Ends a stream before its answer is complete, so that the client notices."""
        if self.open.pop(stream.id, None) is not None:
            self._drop(stream, faults.INTERNAL_ERROR)
            stream.state = None

    # --- frames ---

    def on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._window -= size
        whole = self._limits.connection_window
        if self._window < whole >> 1:
            if self._window < 0:
                raise ConnectionFault(faults.FLOW_CONTROL_ERROR, "more data than the connection's window")
            self.writer.put(frames.window_update(0, whole - self._window))
            self._window = whole
        stream = self.open.get(stream_id)
        if stream is None or stream.ended:
            self._unexpected(stream_id)
            return
        stream.window_in -= size
        if stream.window_in < 0:
            raise StreamFault(stream_id, faults.FLOW_CONTROL_ERROR, "more data than the stream's window")
        if flags & frames.PADDED:
            payload = frames.unpadded(payload)
            size = len(payload)
        stream.received += size
        if flags & frames.END_STREAM:
            self._end(stream)
        elif stream.head.length is not None and stream.received > stream.head.length:
            raise StreamFault(stream_id, faults.PROTOCOL_ERROR, "the body is longer than its head says")
        else:
            if not size:
                self._budget.spend_frame()
            if not stream.held:
                self._credit(stream)
        self._handler.data(stream, payload)

    def on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id & 1:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "clients' streams have odd numbers")
        if flags & frames.PADDED:
            payload = frames.unpadded(payload)
        if flags & frames.WITH_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFault(faults.FRAME_SIZE_ERROR, "HEADERS ends within its priority")
            payload = payload[5:]
        ends = bool(flags & frames.END_STREAM)
        if flags & frames.END_HEADERS:
            self.heads.check_size(len(payload))
            self._on_block(stream_id, payload, ends)
        else:
            self.heads.begin(stream_id, payload, ends)

    def on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        self.heads.add(payload)
        if flags & frames.END_HEADERS:
            block, ends = self.heads.finish()
            self._on_block(stream_id, block, ends)

    def on_reset(self, flags: int, stream_id: int, payload: bytes) -> None:
        frames.u31(payload, "RST_STREAM")
        if not stream_id or stream_id > self.last:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "RST_STREAM of a stream that is not open")
        stream = self.open.pop(stream_id, None)
        if stream is None:
            self._budget.spend_frame()
            self._late.pop(stream_id, None)
            return
        self.writer.forget(stream)
        self._notify_reset(stream)
        self._budget.spend_reset()

    def on_window(self, stream_id: int, octets: int) -> None:
        stream = self.open.get(stream_id)
        if stream is not None:
            self.writer.widen_stream(stream, octets)
        elif stream_id > self.last:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "WINDOW_UPDATE of a stream that is not open")

    def on_fault(self, fault: StreamFault) -> None:
        """Counts a fault of a stream. Raises ConnectionFault where there are too many of them."""
        stream = self.open.pop(fault.stream_id, None)
        if stream is not None:
            self._drop(stream, fault.code)
            self._notify_reset(stream)
        else:
            self.writer.put(frames.reset(fault.stream_id, fault.code))
            self._remember_late(fault.stream_id)
        self._budget.spend_reset()

    def cancel_all(self) -> None:
        streams, self.open = self.open, {}
        for stream in streams.values():
            self.writer.forget(stream)
            self._notify_reset(stream)

    def answered(self, stream: Stream) -> None:
        """Called when the end of an answer is written. A client that has not sent all is told to stop (RFC 9113,
        section 8.1)."""
        self.open.pop(stream.id, None)
        stream.state = None  # no cycle is left for the collector
        self._budget.answered()
        if not stream.ended:
            self.writer.put(frames.reset(stream.id, faults.NO_ERROR))
            self._remember_late(stream.id)

    # --- parts ---

    def _on_block(self, stream_id: int, block: bytes, ends: bool) -> None:
        if stream_id <= self.last:
            self._on_trailers(stream_id, block, ends)
            return
        self.last = stream_id
        try:
            head = self.heads.head(block)
        except ListTooLarge:
            self._refuse_head(stream_id)
            return
        except ValueError as error:
            raise StreamFault(stream_id, faults.PROTOCOL_ERROR, str(error)) from None
        if len(self.open) >= self._limits.streams or self.refusing:
            raise StreamFault(stream_id, faults.REFUSED_STREAM, "more streams than are served")
        stream = Stream(
            self, self.writer, stream_id, head, self._limits.stream_window, self.writer.first_window, self.now
        )
        if ends:
            self._end(stream)
        self.open[stream_id] = stream
        self._handler.opened(stream)

    def _refuse_head(self, stream_id: int) -> None:
        flags = frames.END_HEADERS | frames.END_STREAM
        self.writer.put(frames.frame(frames.HEADERS, flags, stream_id, self._handler.too_large))
        self.writer.put(frames.reset(stream_id, faults.NO_ERROR))
        self._remember_late(stream_id)
        self._budget.spend_reset()

    def _on_trailers(self, stream_id: int, block: bytes, ends: bool) -> None:
        stream = self.open.get(stream_id)
        if stream is None and stream_id not in self._late:
            raise ConnectionFault(faults.STREAM_CLOSED, "HEADERS on a stream that is closed")
        try:
            fields = self.heads.trailers(block)
            if stream is None:
                self._budget.spend_frame()
                return
            if stream.ended:
                raise StreamFault(stream_id, faults.STREAM_CLOSED, "HEADERS behind the end of the stream")
            if not ends:
                raise StreamFault(stream_id, faults.PROTOCOL_ERROR, "trailers must end the stream")
            check_trailers(fields)
        except ListTooLarge:
            raise StreamFault(stream_id, faults.ENHANCE_YOUR_CALM, "the trailers are too large") from None
        except ValueError as error:
            raise StreamFault(stream_id, faults.PROTOCOL_ERROR, str(error)) from None
        self._end(stream)
        self._handler.data(stream, b"")

    def _end(self, stream: Stream) -> None:
        """Called when the client has sent all of a stream."""
        stream.ended = True
        length = stream.head.length
        if length is not None and stream.received != length:
            raise StreamFault(stream.id, faults.PROTOCOL_ERROR, "the body is not as long as its head says")

    def _credit(self, stream: Stream) -> None:
        """Widens a stream's window when half of it is used."""
        whole = self._limits.stream_window
        if stream.window_in < whole >> 1 and not stream.ended:
            self.writer.put(frames.window_update(stream.id, whole - stream.window_in))
            stream.window_in = whole

    def _notify_reset(self, stream: Stream) -> None:
        self._handler.reset(stream)
        stream.state = None

    def _drop(self, stream: Stream, code: int) -> None:
        self.writer.forget(stream)
        self.writer.put(frames.reset(stream.id, code))
        if not stream.ended:
            self._remember_late(stream.id)

    def _unexpected(self, stream_id: int) -> None:
        """Handles data on a stream that is not open: late, or wrong."""
        self._budget.spend_frame()
        if stream_id > self.last or not stream_id & 1:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "DATA on a stream that is not open")
        if stream_id not in self._late:
            raise StreamFault(stream_id, faults.STREAM_CLOSED, "DATA on a stream that is closed")

    def _remember_late(self, stream_id: int) -> None:
        if len(self._late) >= _LATE:
            del self._late[next(iter(self._late))]
        self._late[stream_id] = None
