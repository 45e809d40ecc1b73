"""How HTTP/2 servers were brought down, and clients that are slow or gone."""

import struct

import pytest

from bms.web.inference.http2 import faults, frames
from bms.web.inference.http2.frames import PREFACE, frame, window_update
from bms.web.inference.http2.frames import settings as settings_frame
from bms.web.inference.http2.hpack import encode, encode_field
from tests.peers.http2_peer import BLOCK, END, HEAD, OK, Peer, data, headers, opening

RST = struct.pack(">I", faults.CANCEL)
EACH_FRAME = {
    "PING": frame(frames.PING, 0, 0, bytes(8)),
    "PING ACK": frame(frames.PING, frames.ACK, 0, bytes(8)),
    "SETTINGS": settings_frame({}),
    "SETTINGS with values": settings_frame({4: 100}),
    "SETTINGS ACK": frame(frames.SETTINGS, frames.ACK, 0),
    "PRIORITY": frame(frames.PRIORITY, 0, 1, bytes(5)),
    "WINDOW_UPDATE": window_update(0, 1),
    "WINDOW_UPDATE of a stream": window_update(1, 1),
    "empty DATA": data(1, b""),
    "DATA of nothing but padding": data(1, b"\x03\0\0\0", frames.PADDED),
    "late RST_STREAM": frame(frames.RST_STREAM, 0, 1, RST),
    "unknown": frame(0x63, 0, 0, b"x"),
}


@pytest.mark.parametrize("name", EACH_FRAME)
def test_a_flood_of_frames_that_ask_nothing_ends_the_connection(name: str) -> None:
    peer = Peer(control_frames=100, control_frames_per_s=50)
    peer.say(opening(1) if name != "late RST_STREAM" else opening(1) + frame(frames.RST_STREAM, 0, 1, RST))
    for _ in range(45):
        peer.ask(EACH_FRAME[name])
    assert not peer.session.over
    peer.check(1.0)
    said = peer.ask(*[EACH_FRAME[name]] * 200)
    assert (said[-1].kind, said[-1].code) == (frames.GOAWAY, faults.ENHANCE_YOUR_CALM)
    assert len(said) < 160  # our answers to it ended, too


def test_frames_that_go_with_requests_are_no_flood() -> None:
    peer = Peer(control_frames=100)
    for stream in range(1, 2001, 2):
        peer.say(headers(stream), window_update(0, 4), frame(frames.PING, 0, 0, bytes(8)), window_update(0, 1))
    assert not peer.session.over


def test_rapid_reset_ends_the_connection() -> None:
    """CVE-2023-44487."""
    peer = Peer(answers=False, resets=100, resets_per_s=10)
    said = []
    for stream in range(1, 401, 2):
        said += peer.ask(opening(stream), frame(frames.RST_STREAM, 0, stream, RST))
    assert [(each.kind, each.code) for each in said] == [(frames.GOAWAY, faults.ENHANCE_YOUR_CALM)]
    assert peer.handler.resets == list(range(1, 203, 2))  # every stream that was opened is told of


def test_streams_that_we_are_made_to_reset_count_too() -> None:
    """CVE-2025-8671."""
    peer = Peer(answers=False, resets=100)
    for stream in range(1, 401, 2):
        peer.say(opening(stream), window_update(stream, 0))
    assert peer.heard()[-1].code == faults.ENHANCE_YOUR_CALM


def test_a_client_that_cancels_some_of_its_calls_goes_on() -> None:
    peer = Peer(resets=20, resets_per_s=0)
    for stream in range(1, 2001, 4):
        peer.say(headers(stream), opening(stream + 2), frame(frames.RST_STREAM, 0, stream + 2, RST))
    assert not peer.session.over


def test_a_header_block_without_end_ends_the_connection() -> None:
    """CVE-2024-27316."""
    peer = Peer(continuations=8)
    said = peer.ask(headers(1, BLOCK, 0), *[frame(frames.CONTINUATION, 0, 1, b"")] * 20)
    assert [(each.kind, each.code) for each in said] == [(frames.GOAWAY, faults.ENHANCE_YOUR_CALM)]
    peer = Peer(header_bytes=1000)
    said = peer.ask(headers(1, BLOCK, 0), *[frame(frames.CONTINUATION, 0, 1, bytes(1500))] * 5)
    assert [(each.kind, each.code) for each in said] == [(frames.GOAWAY, faults.ENHANCE_YOUR_CALM)]
    peer = Peer(header_bytes=1000)
    assert peer.ask(headers(1, bytes(5000)))[-1].code == faults.ENHANCE_YOUR_CALM


def test_a_head_over_the_limit_is_refused_alone() -> None:
    peer = Peer(header_bytes=1000)
    said = peer.ask(opening(1, encode([*HEAD, (b"a", bytes(b"v" * 990))])))
    assert [(each.kind, each.payload) for each in said][:1] == [(frames.HEADERS, peer.handler.too_large)]
    assert (said[1].kind, said[1].code) == (frames.RST_STREAM, faults.NO_ERROR)
    assert peer.ask(data(1, b"on its way", frames.END_STREAM)) == []
    assert len(peer.ask(headers(3))) == 3


def test_a_bomb_of_references_costs_no_memory_and_ends_when_repeated() -> None:
    peer = Peer(resets=10)
    large = b"\x40" + encode_field(b"a", b"v" * 3900)[1:]
    peer.say(headers(1, BLOCK + large))
    for stream in range(3, 41, 2):
        peer.say(headers(stream, BLOCK + b"\xbe" * 1000))
    assert len(peer.handler.opened_streams) == 1
    assert peer.heard()[-1].code == faults.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    "said",
    [b"", PREFACE[:10], PREFACE, PREFACE + settings_frame({})],
    ids=["nothing", "half a preface", "no SETTINGS", "no ACK"],
)
def test_a_client_that_does_not_introduce_itself_is_not_waited_for(said: bytes) -> None:
    peer = Peer(hello=False, header_timeout_s=15)
    peer.ask(said)
    assert peer.check(15) == []
    assert peer.check(16)[-1].code == faults.SETTINGS_TIMEOUT


def test_a_header_block_that_does_not_go_on_is_not_waited_for() -> None:
    peer = Peer(header_timeout_s=15)
    peer.ask(headers(1, BLOCK, 0))
    assert peer.check(15) == []
    assert peer.check(16)[-1].code == faults.PROTOCOL_ERROR


def test_a_body_must_come_at_the_least_rate() -> None:
    peer = Peer(body_timeout_s=30, body_bytes_per_s=1000)
    peer.say(opening(1), data(1, bytes(10_000)), opening(3))
    peer.handler.opened_streams[1].patient = True
    assert peer.check(40) == []
    (said,) = peer.check(41)
    assert (said.kind, said.stream, said.code) == (frames.RST_STREAM, 1, faults.CANCEL)
    assert peer.handler.resets == [1]


def test_a_peer_that_is_gone_is_found_by_ping() -> None:
    peer = Peer(answers=False, ping_after_s=60, ping_timeout_s=20)
    peer.say(headers(1))
    assert peer.check(59) == []
    assert [each.kind for each in peer.check(60)] == [frames.PING]
    assert peer.check(80) == []
    peer.ask(frame(frames.PING, frames.ACK, 0, bytes(8)))
    assert peer.check(100) == []
    assert [each.kind for each in peer.check(140)] == [frames.PING]
    assert peer.check(161)[-1].kind == frames.GOAWAY
    assert peer.handler.resets == [1]


def test_nobody_pings_a_connection_without_streams() -> None:
    peer = Peer(ping_after_s=60)
    peer.ask(headers(1))
    assert peer.check(1000) == []


def test_answers_that_wait_are_counted_until_they_are_dropped() -> None:
    peer = Peer(answers=False)
    peer.say(headers(1), headers(3))
    for stream in peer.handler.opened_streams:
        stream.writer.answer(stream, OK, bytes(100_000), END)
    assert peer.session.writer.queued == 200_000 - 65_535
    peer.ask(frame(frames.RST_STREAM, 0, 3, RST))
    assert peer.session.writer.queued == 100_000 - 65_535
    peer.session.end()
    assert peer.session.writer.queued == 0
