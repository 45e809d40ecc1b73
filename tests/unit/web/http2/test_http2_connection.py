"""A session on a socket: writes, pauses, time, the end; and how a socket comes to speak HTTP/2 at all."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from bms.web.inference.first_bytes import FirstBytes
from bms.web.inference.grpc.messages import framed
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http2 import faults, frames
from bms.web.inference.http2.connection import Http2Connection
from bms.web.inference.http2.frames import PREFACE, frame
from bms.web.inference.http2.frames import settings as settings_frame
from bms.web.inference.http2.hpack import encode
from bms.web.inference.http2.limits import Http2Limits
from tests.peers.grpc_echo import Context
from tests.peers.http2_peer import Sent, cut, data, headers, opening

HELLO = PREFACE + settings_frame({4: 1 << 20}) + frame(frames.SETTINGS, frames.ACK, 0)
GRPC = [(b":method", b"POST"), (b":scheme", b"http"), (b"content-type", b"application/grpc")]


def call(stream: int, name: str, message: bytes = b"") -> bytes:
    block = encode([*GRPC[:2], (b":path", b"/test.Echo/" + name.encode()), GRPC[2]])
    return opening(stream, block) + data(stream, framed(message), frames.END_STREAM)


class Socket(asyncio.Transport):
    """The loop's side of a connection, driven by the test. `taken` is how much of the buffer the client took."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.unsent = 0
        self.reading = True
        self.closed = self.aborted = self.ended = False
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.writes.append(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def said(self) -> list[Sent]:
        frames_, self.writes = cut(b"".join(self.writes)), []
        return frames_


class Scene:
    """One connection of a server that answers by itself, at a time that is told."""

    def __init__(self, most_connections: int = 100, **limits: float) -> None:
        self.now = 0.0
        self.context = Context(Http2Limits(**limits), most_connections)  # type: ignore[arg-type]
        self.context.now = lambda: self.now
        self.later: list[Callable[[], object]] = []
        self.socket, self.connection = self.connect()

    def connect(self) -> tuple[Socket, Http2Connection]:
        socket = Socket()
        connection = Http2Connection(self.context, lambda each: self.later.append(each))
        connection.connection_made(socket)
        self.turn()
        return socket, connection

    def turn(self) -> None:
        """The end of a turn of the loop."""
        later, self.later = self.later, []
        for each in later:
            each()

    def ask(self, *sent: bytes) -> list[Sent]:
        self.connection.data_received(b"".join(sent))
        self.turn()
        return self.socket.said()

    def check(self, now: float) -> list[Sent]:
        self.now = now
        self.connection.check_time(now)
        self.turn()
        return self.socket.said()


def test_all_answers_of_one_turn_are_one_write() -> None:
    scene = Scene()
    scene.ask(HELLO)
    scene.connection.data_received(b"".join(call(stream, "Unary", b"hello") for stream in range(1, 101, 2)))
    assert len(scene.socket.writes) == 1
    assert [each.kind for each in scene.socket.said()] == [frames.HEADERS, frames.DATA, frames.HEADERS] * 50
    scene.ask(*[call(stream, "Never") for stream in range(101, 121, 2)])
    never = [stream.state for stream in scene.connection._session.table.open.values()]
    for each in never:
        each.respond(b"later")  # type: ignore[attr-defined]
    assert scene.socket.writes == []
    scene.turn()
    assert len(scene.socket.writes) == 1


def test_calls_leave_nothing_for_the_collector() -> None:
    scene = Scene()
    scene.ask(HELLO)
    while gc.collect():  # what tests before left; finalizers leave more
        pass
    gc.disable()
    try:
        for stream in range(1, 2001, 4):
            scene.ask(call(stream, "Unary", b"hello"), call(stream + 2, "Stream", b"hello"))
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_client_that_takes_nothing_is_read_no_more_and_dropped() -> None:
    scene = Scene(write_timeout_s=60)
    scene.ask(HELLO, frames.window_update(0, 1 << 30), settings_frame({4: 1 << 30}))
    scene.connection.pause_writing()
    scene.socket.unsent = 100_000
    assert not scene.socket.reading
    scene.connection.data_received(call(1, "Large", b"5000000"))
    assert sum(map(len, scene.socket.writes)) < 1000  # the head; the rest waits here
    scene.check(1)
    scene.socket.unsent = 90_000
    scene.check(59)
    scene.check(119)
    assert not scene.socket.aborted
    scene.check(120)
    assert scene.socket.aborted


def test_what_waited_goes_on_when_the_client_takes_it() -> None:
    scene = Scene()
    scene.ask(HELLO, frames.window_update(0, 1 << 30), settings_frame({4: 1 << 30}))
    scene.connection.pause_writing()
    scene.connection.data_received(call(1, "Large", b"500000"))
    scene.connection.resume_writing()
    scene.turn()
    assert scene.socket.reading
    said = scene.socket.said()
    assert sum(len(each.payload) for each in said if each.kind == frames.DATA) == 500_005
    assert said[-1].flags == frames.END_STREAM | frames.END_HEADERS


def test_a_client_that_opens_no_window_is_dropped() -> None:
    scene = Scene(write_timeout_s=60, ping_after_s=1000)
    scene.ask(HELLO, settings_frame({4: 0}), call(1, "Unary", b"hello"))
    scene.check(60)
    assert not scene.socket.aborted
    scene.check(61)
    assert scene.socket.aborted


def test_answers_that_pile_up_end_the_connection() -> None:
    scene = Scene(queued_bytes=1_000_000)
    scene.ask(HELLO, settings_frame({4: 0}))
    assert scene.ask(call(1, "Large", b"900000"))[-1].kind == frames.HEADERS
    said = scene.ask(call(3, "Large", b"900000"))
    assert (said[-1].kind, said[-1].code) == (frames.GOAWAY, faults.ENHANCE_YOUR_CALM)
    assert scene.socket.ended


def test_a_fault_ends_writing_and_the_client_has_time_to_read_why() -> None:
    scene = Scene(linger_s=2)
    scene.ask(HELLO, call(1, "Never"))
    said = scene.ask(frame(frames.PING, 0, 5, bytes(8)))
    assert (said[-1].kind, said[-1].code) == (frames.GOAWAY, faults.PROTOCOL_ERROR)
    assert scene.socket.ended
    assert not scene.socket.closed
    assert scene.ask(call(3, "Unary")) == []
    scene.check(2)
    assert not scene.socket.aborted
    scene.check(2.5)
    assert scene.socket.aborted


def test_an_idle_connection_ends_in_good_order() -> None:
    scene = Scene(keep_alive_s=120)
    scene.ask(HELLO, call(1, "Unary"))
    scene.check(1)
    assert scene.connection.idle
    assert scene.check(121) == []
    said = scene.check(122)
    assert [(each.kind, each.code) for each in said] == [(frames.GOAWAY, faults.NO_ERROR)]
    assert scene.socket.closed


def test_a_connection_with_an_open_call_is_not_idle() -> None:
    scene = Scene(keep_alive_s=120, ping_after_s=1000)
    scene.ask(HELLO, call(1, "Never"))
    assert not scene.connection.idle
    assert scene.check(500) == []
    assert not scene.socket.closed


def test_a_call_whose_time_is_over_is_told_so() -> None:
    scene = Scene()
    scene.ask(HELLO)
    block = encode([*GRPC[:2], (b":path", b"/test.Echo/Never"), GRPC[2], (b"grpc-timeout", b"5S")])
    scene.ask(headers(1, block, frames.END_HEADERS), data(1, framed(b""), frames.END_STREAM))
    assert scene.check(5) == []
    (said,) = scene.check(6)
    assert b"grpc-status\x014" in said.payload
    assert b"\x00\x00\x00\x00\x011" in scene.ask(call(3, "Cancelled"))[1].payload


def test_drain_closes_behind_the_last_answer() -> None:
    scene = Scene()
    scene.ask(HELLO, call(1, "Never"))
    (stream,) = scene.connection._session.table.open.values()
    scene.connection.drain()
    scene.turn()
    (_, ping) = scene.socket.said()
    scene.ask(frame(frames.PING, frames.ACK, 0, ping.payload))
    assert not scene.socket.closed
    stream.state.respond(b"")  # type: ignore[attr-defined]
    scene.turn()
    assert scene.socket.said()[-1].kind == frames.HEADERS
    assert scene.socket.closed


def test_drain_of_an_idle_connection_closes_it_within_a_second() -> None:
    scene = Scene()
    scene.ask(HELLO, call(1, "Unary"))
    scene.connection.drain()
    scene.turn()
    assert not scene.socket.closed
    scene.check(1)
    assert scene.socket.closed


def test_close_cancels_what_is_open() -> None:
    scene = Scene()
    scene.ask(HELLO, call(1, "Never"))
    scene.connection.close()
    assert scene.socket.said()[-1].kind == frames.GOAWAY
    assert scene.connection.idle
    assert scene.socket.ended
    scene.connection.connection_lost(None)
    assert not scene.context.connections


def test_no_more_connections_than_allowed() -> None:
    scene = Scene(most_connections=1)
    socket, _ = scene.connect()
    said = socket.said()
    assert (said[-1].kind, said[-1].code) == (frames.GOAWAY, faults.ENHANCE_YOUR_CALM)
    assert socket.ended
    assert not scene.socket.ended


class Known(asyncio.Protocol):
    """A protocol that remembers what it was given."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data.append(data)


class Undecided:
    """A connection that has not said yet what it speaks."""

    def __init__(self, alpn: str | None = None, **limits: float) -> None:
        self.limits = HttpLimits(**limits)  # type: ignore[arg-type]
        self.connections: set[Any] = set()
        self.http1, self.http2, self.socket = Known(), Known(), Socket()
        if alpn is not None:
            self.socket._extra = {"ssl_object": self}  # type: ignore[attr-defined]
        self._alpn = alpn
        self.first = FirstBytes(self, lambda: self.http1, lambda: self.http2)
        self.first.connection_made(self.socket)

    def selected_alpn_protocol(self) -> str | None:
        return self._alpn

    def now(self) -> float:
        return 0.0


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_first_bytes_decide_and_none_is_lost(size: int) -> None:
    for sent, chosen in ((b"POST / HTTP/1.1\r\n\r\n", "http1"), (b"PRI * HTTP/1.1\r\n\r\n", "http1"), (HELLO, "http2")):
        case = Undecided()
        assert case.first in case.connections
        at = 0
        while case.socket.protocol is None:
            case.first.data_received(sent[at : at + size])
            at += size
        taken: Known = getattr(case, chosen)
        assert case.socket.protocol is taken
        assert taken.transport is case.socket
        assert b"".join(taken.data) == sent[: min(at, len(sent))]
        assert not case.connections


def test_what_tls_agreed_on_decides() -> None:
    assert Undecided("h2").socket.protocol is not None
    case = Undecided("http/1.1")
    assert case.socket.protocol is None
    case.first.data_received(b"GET")
    assert case.socket.protocol is case.http1


def test_nobody_waits_for_ever_for_first_bytes() -> None:
    case = Undecided(keep_alive_s=120, header_timeout_s=15)
    case.first.check_time(120)
    assert not case.socket.closed
    case.first.check_time(121)
    assert case.socket.closed
    case = Undecided(keep_alive_s=120, header_timeout_s=15)
    case.first.data_received(b"PRI")
    case.first.check_time(16)
    assert case.socket.closed


def test_connections_over_the_limit_are_refused_by_http1() -> None:
    case = Undecided(connections=0)
    assert case.socket.protocol is case.http1
