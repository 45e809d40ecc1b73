"""RFC 9113, section by section: what the server does, and which code a client that breaks the protocol is told."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bms.web.inference.http2 import faults, frames
from bms.web.inference.http2.frames import PREFACE, frame, window_update
from bms.web.inference.http2.frames import settings as settings_frame
from bms.web.inference.http2.hpack import encode
from tests.peers.http2_peer import BLOCK, END, HEAD, OK, Peer, Sent, data, fuzz_http2, headers, opening
from tests.sizes import enough

ANSWER = [(frames.HEADERS, OK), (frames.DATA, b"body"), (frames.HEADERS, END)]
BOTH = frames.END_HEADERS | frames.END_STREAM


def told(sent: list[Sent]) -> list[tuple[int, bytes]]:
    return [(each.kind, each.payload) for each in sent]


def test_the_server_begins_with_its_settings_and_acknowledges_the_clients() -> None:
    peer = Peer(hello=False)
    first, window = peer.heard()
    assert (first.kind, first.flags, first.stream) == (frames.SETTINGS, 0, 0)
    assert dict(frames.read_settings(first.payload)) == {3: 256, 4: 1 << 20, 5: 1 << 16, 6: 32_768}
    assert (window.kind, window.stream) == (frames.WINDOW_UPDATE, 0)
    assert struct.unpack(">I", window.payload)[0] == (16 << 20) - 65_535
    assert peer.ask(PREFACE, settings_frame({3: 100})) == [Sent(frames.SETTINGS, frames.ACK, 0, b"")]


def test_a_request_is_answered_however_its_bytes_are_cut() -> None:
    whole = PREFACE + settings_frame({}) + opening(1) + data(1, b"abc") + data(1, b"def", frames.END_STREAM)
    for size in (1, 2, 7, 50, 1000):
        peer = Peer(hello=False)
        for at in range(0, len(whole), size):
            peer.say(whole[at : at + size])
        assert told(peer.heard())[-3:] == ANSWER
        assert peer.handler.bodies == {1: b"abcdef"}


def test_heads_trailers_padding_and_priority_are_read() -> None:
    peer = Peer()
    padded = bytes((3,)) + struct.pack(">IB", 0, 16) + BLOCK + bytes(3)
    assert told(peer.ask(headers(1, padded, BOTH | frames.PADDED | frames.WITH_PRIORITY))) == ANSWER
    assert (peer.stream.head.method, peer.stream.head.path) == (b"POST", b"/a")
    peer.say(opening(3), data(3, b"\x02xy\0\0", frames.PADDED), headers(3, encode([(b"checksum", b"1")])))
    assert peer.handler.bodies[3] == b"xy"
    assert told(peer.heard()) == ANSWER
    parts = [frame(frames.HEADERS, frames.END_STREAM, 5, BLOCK[:3]), frame(frames.CONTINUATION, 0, 5, BLOCK[3:9])]
    assert told(peer.ask(*parts, frame(frames.CONTINUATION, frames.END_HEADERS, 5, BLOCK[9:]))) == ANSWER


def test_the_same_block_is_decoded_once_until_the_table_changes() -> None:
    peer = Peer()
    peer.say(headers(1, b"\x40\x01a\x01b" + BLOCK[:0] + b""), headers(3), headers(5))
    # stream 1 has no pseudo-headers: its block changed the table all the same
    assert peer.handler.opened_streams[0].head is peer.handler.opened_streams[1].head
    indexed = BLOCK + b"\xbe"
    peer.say(headers(7, indexed), headers(9, BLOCK + b"\x40\x01c\x01d"), headers(11, indexed))
    before, after = peer.handler.opened_streams[2], peer.handler.opened_streams[4]
    assert before.head.fields == {b"a": b"b"}
    assert after.head.fields == {b"c": b"d"}  # the same octets, another table


@pytest.mark.parametrize(
    "fields",
    [
        HEAD[1:],
        [*HEAD, (b":method", b"POST")],
        [*HEAD, (b":status", b"200")],
        [(b"a", b"b"), *HEAD],
        [*HEAD, (b"Upper", b"a")],
        [*HEAD, (b"", b"a")],
        [*HEAD, (b"connection", b"close")],
        [*HEAD, (b"transfer-encoding", b"chunked")],
        [*HEAD, (b"te", b"gzip")],
        [*HEAD, (b"a", b"b\r\nc: d")],
        [*HEAD, (b"a", b" b")],
        [*HEAD, (b"a", b"\0")],
        [*HEAD, (b"content-length", b"-1")],
        [*HEAD, (b"content-length", b"5")],
        [*HEAD, (b"content-length", b"0"), (b"content-length", b"0")],
        [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"")],
    ],
    ids=lambda fields: repr(fields[0][0] + fields[-1][0] + fields[-1][1]),
)
def test_malformed_heads_end_their_stream_alone(fields: list[tuple[bytes, bytes]]) -> None:
    peer = Peer()
    (said,) = peer.ask(headers(1, encode(fields)))
    assert (said.kind, said.stream, said.code) == (frames.RST_STREAM, 1, faults.PROTOCOL_ERROR)
    assert not peer.handler.opened_streams
    assert told(peer.ask(headers(3))) == ANSWER


@pytest.mark.parametrize(
    "body",
    [
        [data(1, b"abcdef")],
        [data(1, b"abc"), data(1, b"d", frames.END_STREAM)],
        [data(1, b"abcde"), data(1, b"f")],
        [data(1, b"abcd"), headers(1, encode([(b"a", b"b")]))],
        [data(1, b"abcde"), headers(1, encode([(b":path", b"b")]))],
        [data(1, b"abcde"), opening(1, encode([(b"a", b"b")]))],
    ],
    ids=range(6),
)
def test_bodies_that_are_not_as_said_end_their_stream_alone(body: list[bytes]) -> None:
    peer = Peer()
    said = peer.ask(opening(1, encode([*HEAD, (b"content-length", b"5")])), *body)
    assert [(each.kind, each.code) for each in said] == [(frames.RST_STREAM, faults.PROTOCOL_ERROR)]
    assert peer.handler.resets == [1]
    assert told(peer.ask(headers(3))) == ANSWER


CONNECTION_FAULTS: list[tuple[str, bytes, int]] = [
    ("a large frame", bytes((1, 0, 1, 0, 0, 0, 0, 0, 0)), faults.FRAME_SIZE_ERROR),
    ("DATA of no stream", data(0, b""), faults.PROTOCOL_ERROR),
    ("DATA of an idle stream", data(9, b""), faults.PROTOCOL_ERROR),
    ("DATA of a server's stream", data(2, b""), faults.PROTOCOL_ERROR),
    ("DATA with too much padding", opening(1) + data(1, b"\x05abc", frames.PADDED), faults.PROTOCOL_ERROR),
    ("DATA without its padding's length", opening(1) + data(1, b"", frames.PADDED), faults.FRAME_SIZE_ERROR),
    ("HEADERS of no stream", headers(0), faults.PROTOCOL_ERROR),
    ("HEADERS of a server's stream", headers(2), faults.PROTOCOL_ERROR),
    ("HEADERS of an older stream", headers(5) + headers(3), faults.STREAM_CLOSED),
    ("HEADERS of an answered stream", headers(1) + headers(1), faults.STREAM_CLOSED),
    ("HEADERS shorter than its priority", headers(1, b"abc", BOTH | frames.WITH_PRIORITY), faults.FRAME_SIZE_ERROR),
    ("HEADERS that cannot be decoded", headers(1, b"\x80"), faults.COMPRESSION_ERROR),
    ("an interrupted block", headers(1, BLOCK, 0) + data(1, b""), faults.PROTOCOL_ERROR),
    ("a block continued elsewhere", headers(1, BLOCK, 0) + frame(frames.CONTINUATION, 4, 3), faults.PROTOCOL_ERROR),
    ("CONTINUATION of nothing", frame(frames.CONTINUATION, 4, 1, BLOCK), faults.PROTOCOL_ERROR),
    ("an unknown frame within a block", headers(1, BLOCK, 0) + frame(99, 0, 1), faults.PROTOCOL_ERROR),
    ("PRIORITY of no stream", frame(frames.PRIORITY, 0, 0, bytes(5)), faults.PROTOCOL_ERROR),
    ("a short PRIORITY", frame(frames.PRIORITY, 0, 1, bytes(4)), faults.FRAME_SIZE_ERROR),
    ("RST_STREAM of no stream", frame(frames.RST_STREAM, 0, 0, bytes(4)), faults.PROTOCOL_ERROR),
    ("RST_STREAM of an idle stream", frame(frames.RST_STREAM, 0, 1, bytes(4)), faults.PROTOCOL_ERROR),
    ("a short RST_STREAM", opening(1) + frame(frames.RST_STREAM, 0, 1, bytes(3)), faults.FRAME_SIZE_ERROR),
    ("SETTINGS of a stream", frame(frames.SETTINGS, 0, 1), faults.PROTOCOL_ERROR),
    ("a broken SETTINGS", frame(frames.SETTINGS, 0, 0, bytes(5)), faults.FRAME_SIZE_ERROR),
    ("an ACK that says something", frame(frames.SETTINGS, 1, 0, bytes(6)), faults.FRAME_SIZE_ERROR),
    ("ENABLE_PUSH 2", settings_frame({2: 2}), faults.PROTOCOL_ERROR),
    ("a window above the most", settings_frame({4: 1 << 31}), faults.FLOW_CONTROL_ERROR),
    ("a frame size below the least", settings_frame({5: 16_383}), faults.PROTOCOL_ERROR),
    ("a frame size above the most", settings_frame({5: 1 << 24}), faults.PROTOCOL_ERROR),
    ("PUSH_PROMISE", frame(frames.PUSH_PROMISE, 4, 1, bytes(4)), faults.PROTOCOL_ERROR),
    ("PING of a stream", frame(frames.PING, 0, 1, bytes(8)), faults.PROTOCOL_ERROR),
    ("a short PING", frame(frames.PING, 0, 0, bytes(7)), faults.FRAME_SIZE_ERROR),
    ("GOAWAY of a stream", frame(frames.GOAWAY, 0, 1, bytes(8)), faults.PROTOCOL_ERROR),
    ("a short GOAWAY", frame(frames.GOAWAY, 0, 0, bytes(7)), faults.FRAME_SIZE_ERROR),
    ("WINDOW_UPDATE of 0", window_update(0, 0), faults.PROTOCOL_ERROR),
    ("WINDOW_UPDATE of an idle stream", window_update(7, 1), faults.PROTOCOL_ERROR),
    ("a short WINDOW_UPDATE", frame(frames.WINDOW_UPDATE, 0, 0, bytes(3)), faults.FRAME_SIZE_ERROR),
    ("a window that overflows", window_update(0, frames.MAX_WINDOW), faults.FLOW_CONTROL_ERROR),
    (
        "a setting that makes a window overflow",
        opening(1) + window_update(1, frames.MAX_WINDOW - 65_535) + settings_frame({4: 65_536}),
        faults.FLOW_CONTROL_ERROR,
    ),
]


@pytest.mark.parametrize(
    ("sent", "code"), [each[1:] for each in CONNECTION_FAULTS], ids=[each[0] for each in CONNECTION_FAULTS]
)
def test_what_ends_the_connection(sent: bytes, code: int) -> None:
    peer = Peer()
    said = peer.ask(sent)
    assert (said[-1].kind, said[-1].code) == (frames.GOAWAY, code), said[-1]
    assert said[-1].payload[8:]  # why
    assert peer.session.over
    assert not peer.session.table.open
    assert peer.ask(headers(101)) == []


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        PREFACE + headers(1),
        PREFACE + frame(frames.SETTINGS, frames.ACK, 0),
        PREFACE[:-1] + b"x",
    ],
    ids=["HTTP/1.1", "no SETTINGS", "an ACK first", "almost"],
)
def test_a_client_that_begins_otherwise_is_refused(first: bytes) -> None:
    peer = Peer(hello=False)
    said = peer.ask(first)
    assert (said[-1].kind, said[-1].code) == (frames.GOAWAY, faults.PROTOCOL_ERROR)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (window_update(1, 0), faults.PROTOCOL_ERROR),
        (window_update(1, frames.MAX_WINDOW), faults.FLOW_CONTROL_ERROR),
        (data(1, b"", frames.END_STREAM) + data(1, b"x"), faults.STREAM_CLOSED),
        (data(1, b"", frames.END_STREAM) + headers(1), faults.STREAM_CLOSED),
    ],
    ids=["a window of 0", "a window that overflows", "DATA behind the end", "HEADERS behind the end"],
)
def test_what_ends_a_stream_alone(sent: bytes, code: int) -> None:
    peer = Peer(answers=False)
    said = peer.ask(opening(1), sent)
    assert [(each.kind, each.stream, each.code) for each in said] == [(frames.RST_STREAM, 1, code)]
    assert peer.handler.resets == [1]
    assert peer.ask(frame(frames.PING, 0, 0, bytes(8)))[0].flags == frames.ACK


def test_unknown_frames_and_settings_are_ignored() -> None:
    peer = Peer()
    assert told(peer.ask(frame(0x63, 0xFF, 5, b"what"), settings_frame({99: 5}))) == [(frames.SETTINGS, b"")]
    assert told(peer.ask(headers(1))) == ANSWER


def test_data_of_a_closed_stream_ends_no_more_than_that() -> None:
    peer = Peer()
    peer.ask(headers(1))
    (said,) = peer.ask(data(1, b"late"))
    assert (said.kind, said.stream, said.code) == (frames.RST_STREAM, 1, faults.STREAM_CLOSED)
    assert peer.ask(data(1, b"later")) == []
    assert peer.ask(window_update(1, 5), frame(frames.RST_STREAM, 0, 1, bytes(4))) == []


def test_an_early_answer_tells_the_client_to_stop_and_what_still_comes_is_ignored() -> None:
    peer = Peer(answers=False)
    peer.say(opening(1))
    peer.stream.writer.end(peer.stream, OK)
    said = peer.heard()
    assert [each.kind for each in said] == [frames.HEADERS, frames.RST_STREAM]
    assert said[1].code == faults.NO_ERROR
    assert peer.ask(data(1, b"on its way"), headers(1, encode([(b"a", b"b")]))) == []
    assert not peer.session.over


def test_answers_obey_the_clients_windows_and_frame_size() -> None:
    peer = Peer(answers=False)
    peer.say(settings_frame({4: 10, 5: 16_384}))
    peer.heard()
    peer.say(headers(1), headers(3))
    one, two = peer.handler.opened_streams
    one.writer.answer(one, OK, bytes(25), END)
    two.writer.answer(two, OK, b"short", END)
    said = peer.heard()
    assert [(each.stream, len(each.payload)) for each in said if each.kind == frames.DATA] == [(1, 10), (3, 5)]
    assert [len(each.payload) for each in peer.ask(window_update(1, 5))] == [5]
    assert told(peer.ask(settings_frame({4: 5}))) == [(frames.SETTINGS, b"")]  # the stream's window is -5 now
    assert peer.ask(window_update(1, 5)) == []
    said = peer.ask(window_update(1, 100))
    assert [len(each.payload) for each in said if each.kind == frames.DATA] == [10]
    assert said[-1].flags == BOTH
    assert not peer.session.table.open
    assert not peer.session.writer.queued


def test_the_connections_window_is_shared_a_frame_in_turn() -> None:
    peer = Peer(answers=False)
    peer.say(settings_frame({4: 1 << 20}), headers(1), headers(3))
    peer.heard()
    for stream in peer.handler.opened_streams:
        stream.writer.answer(stream, OK, bytes(100_000), END)
    said = [each for each in peer.heard() if each.kind == frames.DATA]
    assert sum(len(each.payload) for each in said) == 65_535
    more = [each for each in peer.ask(window_update(0, 1 << 20)) if each.kind == frames.DATA]
    assert [each.stream for each in more[:6]] in ([1, 3] * 3, [3, 1] * 3)  # neither waits for the other
    said += more
    assert max(len(each.payload) for each in said) == 16_384
    for stream in (1, 3):
        assert sum(len(each.payload) for each in said if each.stream == stream) == 100_000


def test_a_stream_in_pieces_is_told_when_its_client_took_them() -> None:
    peer = Peer(answers=False)
    peer.say(settings_frame({4: 10}), headers(1))
    stream = peer.stream
    stream.writer.headers(stream, OK)
    stream.writer.data(stream, bytes(8))
    assert peer.handler.drained == [1]
    stream.writer.data(stream, bytes(8))
    assert peer.handler.drained == [1]
    peer.say(window_update(1, 100))
    assert peer.handler.drained == [1, 1]
    stream.writer.end(stream, END)
    assert peer.heard()[-1].flags == BOTH


def test_a_reset_stream_sends_no_more() -> None:
    peer = Peer(answers=False)
    peer.say(settings_frame({4: 10}), headers(1))
    peer.stream.writer.answer(peer.stream, OK, bytes(25), END)
    peer.heard()
    assert peer.ask(frame(frames.RST_STREAM, 0, 1, bytes(4)), window_update(0, 100)) == []
    assert peer.handler.resets == [1]
    assert not peer.session.writer.queued


def test_windows_for_what_comes_are_widened_and_a_held_streams_only_when_it_goes_on() -> None:
    peer = Peer(stream_window=65_535, connection_window=1 << 20)
    peer.say(opening(1))
    assert [each.kind for each in peer.ask(data(1, bytes(30_000)))] == []
    (said,) = peer.ask(data(1, bytes(30_000)))
    assert (said.kind, said.stream, struct.unpack(">I", said.payload)[0]) == (frames.WINDOW_UPDATE, 1, 60_000)
    peer.session.table.hold(peer.stream, True)
    assert peer.ask(data(1, bytes(60_000))) == []
    peer.session.table.hold(peer.stream, False)
    assert [each.stream for each in peer.heard()] == [1]
    peer.session.table.hold(peer.stream, True)
    said = peer.ask(data(1, bytes(60_000)), data(1, bytes(10_000)))
    assert (said[-1].kind, said[-1].code) == (frames.RST_STREAM, faults.FLOW_CONTROL_ERROR)


def test_the_connections_window_is_widened_whatever_becomes_of_the_data_and_bounds_it() -> None:
    peer = Peer(answers=False, stream_window=1 << 20, connection_window=100_000, frame_bytes=1 << 20)
    peer.say(opening(1))
    (said,) = peer.ask(data(1, bytes(60_000)))
    assert (said.stream, struct.unpack(">I", said.payload)[0]) == (0, 60_000)
    (said,) = peer.ask(data(1, bytes(100_001)))
    assert (said.kind, said.code) == (frames.GOAWAY, faults.FLOW_CONTROL_ERROR)


def test_no_more_streams_than_said() -> None:
    peer = Peer(answers=False, streams=2)
    (said,) = peer.ask(opening(1), opening(3), opening(5))
    assert (said.kind, said.stream, said.code) == (frames.RST_STREAM, 5, faults.REFUSED_STREAM)
    peer.stream.writer.end(peer.stream, OK)
    peer.heard()
    assert peer.ask(opening(7)) == []
    assert len(peer.session.table.open) == 2


def test_drain_serves_what_is_on_its_way_and_nothing_after() -> None:
    peer = Peer(answers=False)
    peer.say(headers(1))
    peer.session.drain()
    first, ping = peer.heard()
    assert (first.kind, struct.unpack_from(">I", first.payload)[0], first.code) == (frames.GOAWAY, 2**31 - 1, 0)
    assert ping.kind == frames.PING
    peer.say(headers(3))  # crossed our GOAWAY
    (last,) = peer.ask(frame(frames.PING, frames.ACK, 0, ping.payload))
    assert (last.kind, struct.unpack_from(">I", last.payload)[0]) == (frames.GOAWAY, 3)
    (refused,) = peer.ask(headers(5))
    assert (refused.kind, refused.code) == (frames.RST_STREAM, faults.REFUSED_STREAM)
    for stream in peer.handler.opened_streams:
        stream.writer.answer(stream, OK, b"body", END)
    assert len(peer.heard()) == 6


def test_drain_goes_on_without_an_answer_to_its_ping() -> None:
    peer = Peer()
    peer.session.drain()
    peer.heard()
    assert [each.kind for each in peer.check(1.0)] == [frames.GOAWAY]


FRAME = st.builds(
    frame,
    st.integers(0, 11),
    st.sampled_from([0, 1, 4, 5, 8, 0x20, 0x2D]),
    st.sampled_from([0, 1, 3, 5, 7, 2, 2**31 - 1, 2**32 - 1]),
    st.one_of(st.binary(max_size=40), st.just(BLOCK), st.just(bytes(4)), st.just(struct.pack(">I", 1 << 30))),
)


@given(st.lists(FRAME, max_size=25), st.binary(max_size=30))
@settings(max_examples=enough(60, 300))
def test_any_frames_are_answered_in_whole_frames_however_they_are_cut(sent: list[bytes], rest: bytes) -> None:
    fuzz_http2(b"".join(sent) + rest)
