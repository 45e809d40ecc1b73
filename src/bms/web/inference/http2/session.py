"""The server's end of one HTTP/2 connection (RFC 9113): bytes in, requests and bytes out. No sockets, no clock."""

from collections.abc import Callable

from bms.web.inference.http2 import faults, frames, settings
from bms.web.inference.http2.budget import Budget
from bms.web.inference.http2.faults import ConnectionFault, StreamFault
from bms.web.inference.http2.frames import HEAD, HEAD_SIZE, PREFACE
from bms.web.inference.http2.limits import Http2Limits
from bms.web.inference.http2.stream import Stream
from bms.web.inference.http2.table import Http2Handler, StreamTable
from bms.web.inference.http2.writer import Writer

_unpack = HEAD.unpack_from
_KINDS = 10  # of frames; RFC 9113, section 5.5: others are ignored
_LAST_PING = b"bms last"


class Http2Session:
    """One HTTP/2 connection without its socket. `wake` is called when there is something to write. All times are in
    seconds, passed in by the caller."""

    def __init__(self, limits: Http2Limits, handler: Http2Handler, wake: Callable[[], object], now: float) -> None:
        self.limits = limits
        self.since = now  # bytes last came
        self.over = False  # nothing more is read; what was put out is to be written
        self.draining = False
        self.budget = Budget(limits, now)
        self.writer = Writer(wake, self._answered, handler.writable, self.budget.sent)
        self.table = StreamTable(limits, handler, self.writer, self.budget, now)
        self._handler = handler
        self._began = now
        self._rest = bytearray()  # what came of a frame that is not whole
        self._need = 0  # bytes of it until there is something to read
        self._greeted = False  # the preface came
        self._introduced = False  # the first SETTINGS came
        self._acknowledged = False  # ours are
        self._pinged: float | None = None
        table = self.table
        self._readers: tuple[Callable[[int, int, bytes], None], ...] = (
            table.on_data,
            table.on_headers,
            self._on_priority,
            table.on_reset,
            self._on_settings,
            self._on_push,
            self._on_ping,
            self._on_goaway,
            self._on_window,
            table.on_continuation,
        )

    def start(self) -> None:
        self.writer.put(settings.ours(self.limits))

    def feed(self, data: bytes, now: float) -> None:
        """Reads bytes of the peer. One that breaks the protocol gets a GOAWAY, and `over` is set."""
        if self.over:
            return
        self.since = self.table.now = now
        rest = self._rest
        if rest:
            if len(rest) + len(data) < self._need:
                rest += data
                return
            data = b"".join((rest, data))
            rest.clear()
        try:
            at = self._read(data, 0 if self._greeted else self._greet(data))
        except ConnectionFault as fault:
            self.fail(fault)
            return
        if at < len(data):
            rest += data[at:]

    def fail(self, fault: ConnectionFault) -> None:
        """Ends the connection with a GOAWAY that says why, and cancels open streams."""
        if not self.over:
            self.writer.put(frames.goaway(self.table.last, fault.code, fault.reason.encode()))
            self.end()

    def end(self) -> None:
        """Reads no more and cancels open streams."""
        self.over = True
        self.table.cancel_all()

    def drain(self) -> None:
        """Announces the end: streams under way are still served (RFC 9113, section 6.8)."""
        if not self.draining and not self.over:
            self.draining = True
            self.writer.put(frames.goaway(frames.MAX_STREAM_ID, faults.NO_ERROR))
            self.writer.put(frames.frame(frames.PING, 0, 0, _LAST_PING))

    def refuse_new(self) -> None:
        """Completes `drain`: no stream after the last one is served."""
        if not self.table.refusing and not self.over:
            self.draining = self.table.refusing = True
            self.writer.put(frames.goaway(self.table.last, faults.NO_ERROR))

    @property
    def progress(self) -> int:
        """A number that changes while the peer takes something: out of queues, or an answer at once."""
        table = self.table
        return self.writer.progress + (table.last + 1 >> 1) - len(table.open)

    def check_time(self, now: float) -> None:
        """Ends the connection where its peer is too slow, or maybe gone; called once a second."""
        self.budget.refill(now)
        self.table.now = now
        limits, silent = self.limits, now - self.since
        try:
            if now - self._began > limits.header_timeout_s and not (self._introduced and self._acknowledged):
                raise ConnectionFault(faults.SETTINGS_TIMEOUT, "the preface, SETTINGS or their ACK did not come")
            if self.table.heads.stream_id is not None and silent > limits.header_timeout_s:
                raise ConnectionFault(faults.PROTOCOL_ERROR, "a header block did not come in time")
            self._check_streams(now)
            self._check_ping(now, silent)
        except ConnectionFault as fault:
            self.fail(fault)
        if self.draining and not self.table.refusing:
            self.refuse_new()

    def _check_streams(self, now: float) -> None:
        limits = self.limits
        for stream in list(self.table.open.values()):
            self._handler.check_time(stream, now)
            if stream.ended or stream.patient or stream.id not in self.table.open:
                continue
            if now - stream.since > limits.body_timeout_s + stream.received / limits.body_bytes_per_s:
                self.table.on_fault(StreamFault(stream.id, faults.CANCEL, "the body did not come in time"))

    def _check_ping(self, now: float, silent: float) -> None:
        """Pings idle peers, to find those that are gone without a word."""
        if not self.table.open or silent < self.limits.ping_after_s:
            self._pinged = None
        elif self._pinged is None:
            self._pinged = now
            self.writer.put(frames.frame(frames.PING, 0, 0, bytes(8)))
        elif now - self._pinged > self.limits.ping_timeout_s:
            raise ConnectionFault(faults.NO_ERROR, "no answer to PING")

    # --- frames ---

    def _greet(self, data: bytes) -> int:
        if data.startswith(PREFACE):
            self._greeted = True
            return len(PREFACE)
        if not PREFACE.startswith(data):
            raise ConnectionFault(faults.PROTOCOL_ERROR, "this is not the preface of HTTP/2")
        return 0

    def _read(self, data: bytes, at: int) -> int:
        """Reads whole frames from `at` on; returns where the first incomplete one begins."""
        if not self._greeted:
            self._need = len(PREFACE)
            return at
        end, most, readers, table = len(data), self.limits.frame_bytes, self._readers, self.table
        while end - at >= HEAD_SIZE:
            head, flags, stream_id = _unpack(data, at)
            length, kind = head >> 8, head & 0xFF
            if length > most:
                raise ConnectionFault(faults.FRAME_SIZE_ERROR, f"a frame is larger than {most} octets")
            after = at + HEAD_SIZE + length
            if after > end:
                self._need = HEAD_SIZE + length
                return at
            if not self._introduced:
                self._introduce(kind, flags)
            if table.heads.stream_id is not None and (
                kind != frames.CONTINUATION or stream_id & 0x7FFFFFFF != table.heads.stream_id
            ):
                raise ConnectionFault(faults.PROTOCOL_ERROR, "a header block is interrupted")
            if kind < _KINDS:
                try:
                    readers[kind](flags, stream_id & 0x7FFFFFFF, data[at + HEAD_SIZE : after])
                except StreamFault as fault:
                    table.on_fault(fault)
                if self.over:
                    return end
            else:
                self.budget.spend_frame()
            at = after
        self._need = HEAD_SIZE
        return at

    def _introduce(self, kind: int, flags: int) -> None:
        if kind != frames.SETTINGS or flags & frames.ACK:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "the first frame must be SETTINGS")
        self._introduced = True

    def _on_priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        """Parses priorities of RFC 7540, which have no effect."""
        self.budget.spend_frame()
        if not stream_id:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "PRIORITY of no stream")
        if len(payload) != 5:
            raise ConnectionFault(faults.FRAME_SIZE_ERROR, "PRIORITY must have 5 octets")

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        _of_connection("SETTINGS", stream_id)
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(faults.FRAME_SIZE_ERROR, "SETTINGS with ACK must be empty")
            self._acknowledged = True
            self.budget.spend_frame()
            return
        pairs = frames.read_settings(payload)
        self.budget.spend_frame(1 + len(pairs))
        for identifier, value in pairs:
            settings.check(identifier, value)
            if identifier == settings.INITIAL_WINDOW_SIZE:
                self.writer.set_first_window(value, self.table.open)
            elif identifier == settings.MAX_FRAME_SIZE:
                self.writer.frame_size = value
        self.writer.put(frames.frame(frames.SETTINGS, frames.ACK, 0))

    def _on_push(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise ConnectionFault(faults.PROTOCOL_ERROR, "clients do not push")

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        _of_connection("PING", stream_id)
        if len(payload) != 8:
            raise ConnectionFault(faults.FRAME_SIZE_ERROR, "PING must have 8 octets")
        self.budget.spend_frame()
        if not flags & frames.ACK:
            self.writer.put(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == _LAST_PING and self.draining:
            self.refuse_new()

    def _on_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        """Notes that the client opens no more; open streams are answered."""
        _of_connection("GOAWAY", stream_id)
        if len(payload) < 8:
            raise ConnectionFault(faults.FRAME_SIZE_ERROR, "GOAWAY must have 8 octets")
        self.budget.spend_frame()
        self.refuse_new()

    def _on_window(self, flags: int, stream_id: int, payload: bytes) -> None:
        octets = frames.u31(payload, "WINDOW_UPDATE")
        self.budget.spend_frame()
        if stream_id:
            self.table.on_window(stream_id, octets)
        else:
            self.writer.widen(octets)

    def _answered(self, stream: Stream) -> None:
        self.table.answered(stream)


def _of_connection(name: str, stream_id: int) -> None:
    if stream_id:
        raise ConnectionFault(faults.PROTOCOL_ERROR, f"{name} belongs to the connection")
