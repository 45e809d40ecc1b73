"""The parts of a gRPC call: timeouts, messages, status."""

import gzip
import tracemalloc
import zlib
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import BmsError, Internal, InvalidArgument, NotFound, PayloadTooLarge, Unavailable
from bms.web.inference.grpc.call_head import CallHead, read_timeout
from bms.web.inference.grpc.messages import MessageReader, framed, pieces, whole_message
from bms.web.inference.grpc.status import answer_head, error_only, error_tail, no_grpc, percent_encoded
from bms.web.inference.http2.head import Http2Head
from bms.web.inference.http2.hpack import Decoder
from tests.peers.http2_peer import fuzz_grpc


def fields(block: bytes) -> dict[bytes, bytes]:
    return dict(Decoder(1 << 20, 100).decode(block))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"2H", 7200.0),
        (b"3M", 180.0),
        (b"4S", 4.0),
        (b"250m", 0.25),
        (b"7u", 7e-6),
        (b"99999999n", 0.099999999),
        (b"0S", 0.0),
    ],
)
def test_timeouts(text: bytes, seconds: float) -> None:
    assert read_timeout(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", [b"", b"1", b"S", b"123456789S", b"1s", b"-1S", b"1.5S", b"1S ", b"1\xb2S"])
def test_timeouts_that_are_none(text: bytes) -> None:
    with pytest.raises(InvalidArgument, match="grpc-timeout"):
        read_timeout(text)


@pytest.mark.parametrize(
    ("method", "content_type", "status"),
    [
        (b"POST", b"application/grpc", 200),
        (b"POST", b"application/grpc+proto", 200),
        (b"POST", b"Application/gRPC; charset=x", 200),
        (b"POST", b"application/grpc+json", 415),
        (b"POST", b"application/grpc-web", 415),
        (b"POST", b"application/json", 415),
        (b"GET", b"application/grpc", 405),
    ],
)
def test_what_is_a_grpc_call(method: bytes, content_type: bytes, status: int) -> None:
    assert CallHead(Http2Head(method, b"/a/B", [(b"content-type", content_type)]), True).status == status


def test_no_grpc_at_all_is_told_by_http() -> None:
    assert fields(no_grpc(415)) == {b":status": b"415"}
    assert fields(no_grpc(405)) == {b":status": b"405", b"allow": b"POST"}


@given(st.text(max_size=300))
def test_messages_are_percent_encoded_and_come_back(text: str) -> None:
    raw = text.encode(errors="replace")
    packed = percent_encoded(raw)
    assert all(0x20 <= octet < 0x7F for octet in packed)
    assert unquote_to_bytes(packed) == raw


def test_status_in_trailers() -> None:
    assert fields(error_tail(NotFound("no model “m”\r\n"))) == {
        b"grpc-status": b"5",
        b"grpc-message": b"no model %E2%80%9Cm%E2%80%9D%0D%0A",
    }
    assert fields(error_tail(Unavailable("wait", retry_after_s=0.25)))[b"grpc-retry-pushback-ms"] == b"250"
    assert len(error_tail(NotFound("é" * 100_000))) < 8192
    for shift in range(3):  # a long message is cut between characters
        message = fields(error_tail(NotFound("a" * shift + "价" * 3000)))[b"grpc-message"]
        assert unquote_to_bytes(message).decode().rstrip("价") == "a" * shift
    only = fields(error_only(b"id-1", NotFound("x")))
    assert only[b":status"] == b"200"
    assert only[b"content-type"] == b"application/grpc"
    assert only[b"x-request-id"] == b"id-1"
    assert only[b"grpc-accept-encoding"] == b"identity,deflate,gzip"


@pytest.mark.parametrize("size", [1, 126, 127, 128])
def test_request_ids_of_any_length_are_told(size: int) -> None:
    assert fields(answer_head(b"i" * size))[b"x-request-id"] == b"i" * size


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 30))
def test_messages_are_found_however_they_are_cut(messages: list[bytes], size: int) -> None:
    stream = b"".join(map(framed, messages))
    reader, found = MessageReader(None, 1000), []
    for at in range(0, len(stream), size):
        reader.add(stream[at : at + size])
        while (each := reader.next()) is not None:
            found.append(each)
    assert found == messages
    assert reader.size == 0


def test_compressed_messages() -> None:
    reader = MessageReader(b"gzip", 1000)
    packed = gzip.compress(b"a" * 900)
    reader.add(b"\x01" + len(packed).to_bytes(4, "big") + packed + framed(b"plain"))
    assert reader.next() == b"a" * 900
    assert reader.next() == b"plain"
    reader = MessageReader(b"deflate", 1000)
    packed = zlib.compress(b"b")
    reader.add(b"\x01" + len(packed).to_bytes(4, "big") + packed)
    assert reader.next() == b"b"


def _compressed(content: bytes) -> bytes:
    return b"\x01" + len(content).to_bytes(4, "big") + content


@pytest.mark.parametrize(
    ("encoding", "data", "error"),
    [
        (None, b"\x01\0\0\0\x01a", Internal),
        (b"gzip", b"\x02\0\0\0\x01a", Internal),
        (None, b"\0\0\0\x03\xe9", PayloadTooLarge),
        (b"gzip", _compressed(b"none"), InvalidArgument),
        (b"gzip", _compressed(gzip.compress(bytes(1001))), PayloadTooLarge),
        (b"gzip", _compressed(gzip.compress(b"a") + b"rest"), InvalidArgument),
    ],
    ids=["compressed without encoding", "an unknown flag", "too large", "no gzip", "a bomb", "more than one stream"],
)
def test_messages_that_are_refused(encoding: bytes | None, data: bytes, error: type[BmsError]) -> None:
    reader = MessageReader(encoding, 1000)
    reader.add(data)
    with pytest.raises(error):
        reader.next()


def test_many_small_messages_take_linear_time() -> None:
    """A megabyte of empty messages, as one read brings it: copying the rest for each would be 100 GB."""
    reader = MessageReader(None, 1000)
    reader.add(framed(b"") * 200_000)
    count = 0
    while reader.next() is not None:
        count += 1
    assert count == 200_000


@given(st.lists(st.sampled_from([1, 2, 1000, 1023, 1024, 5000]), max_size=40))
def test_small_and_large_pieces_keep_their_order(sizes: list[int]) -> None:
    message = b"".join(bytes((number % 256,)) * size for number, size in enumerate(sizes))
    stream, at, reader = framed(message), 0, MessageReader(None, 1 << 20)
    for size in sizes:
        reader.add(stream[at : at + size])
        at += size
    reader.add(stream[at:])
    found = reader.next()
    assert found is not None
    assert bytes(found) == message


def test_a_message_in_tiny_pieces_is_kept_as_bytes_not_as_objects() -> None:
    reader = MessageReader(None, 1 << 20)
    tracemalloc.start()
    try:
        for octet in framed(bytes(range(256)) * 2000):
            reader.add(bytes((octet, octet)))
        assert tracemalloc.get_traced_memory()[0] < 2 * reader.size
    finally:
        tracemalloc.stop()


def test_large_messages_are_framed_in_two_pieces() -> None:
    message = bytes(range(256)) * 1000
    first, rest = pieces(message)
    assert len(first) == 1 << 14
    assert first + rest == framed(message)


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_refused(data: bytes) -> None:
    fuzz_grpc(data)


def test_the_fast_way_takes_exactly_one_plain_message() -> None:
    assert whole_message(framed(b"abc")) == b"abc"
    assert whole_message(framed(b"")) == b""
    for data in (b"", b"\0\0\0", framed(b"abc")[:-1], framed(b"abc") + b"d", b"\x01" + framed(b"abc")[1:]):
        assert whole_message(data) is None
