"""HTTP/2 and gRPC as the gateway reads them, without sockets: frames in every order before a server of real methods."""

import struct
from itertools import count
from random import Random

import hpack as hyper

from bms.core.errors import InvalidArgument
from bms.protocols.protobuf.pool import message
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.health import health_methods
from bms.web.inference.grpc.messages import framed
from bms.web.inference.grpc.method import Method, QuietMethod
from bms.web.inference.grpc.reflection import reflection_methods
from bms.web.inference.grpc.server import GrpcServer
from bms.web.inference.http2 import frames
from bms.web.inference.http2.frames import HEAD_SIZE, PREFACE, frame
from bms.web.inference.http2.limits import Http2Limits
from bms.web.inference.http2.session import Http2Session
from fuzzing.header_blocks import CHECK, ECHO, FIELDS, head
from fuzzing.target import Decoder as Target
from fuzzing.target import same

_REFLECT = b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
_PATHS = (
    CHECK,
    _REFLECT,
    b"/grpc.health.v1.Health/Watch",
    ECHO,
    b"/t/Never",
    b"/t/Refuse",
    b"/nothing",
    b"x",
    b"",
)
_QUESTION = message("grpc.reflection.v1.ServerReflectionRequest")(list_services="").SerializeToString()
_MESSAGES = (
    framed(b""),
    framed(b"\x0a\x01a"),
    framed(_QUESTION),
    b"\1\0\0\0\1x",
    b"\2\0\0\0\0",
    b"\0\xff\xff\xff\xff",
    b"\0\0\0",
)
LIMITS = Http2Limits(streams=8, stream_window=1 << 15, connection_window=1 << 16, frame_bytes=1 << 14)
BYTES_MOST = 1 << 16


def decoders() -> list[Target]:
    return [Target("http/2 session", _session, _streams(), make=made_stream, longest=6000)]


class _Echo(QuietMethod):
    streams = True

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        call.send(bytes(message) * 50)
        if call.congested:
            call.hold(True)

    def writable(self, call: RpcCall) -> None:
        call.hold(False)

    def ended(self, call: RpcCall) -> None:
        call.finish()


class _Never(QuietMethod):
    def message(self, call: RpcCall, message: bytes | memoryview) -> None: ...


class _Refuse(QuietMethod):
    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        raise InvalidArgument("é" + str(bytes(message)))


class Peer:
    """A session of the gateway's with real methods, and what it said."""

    def __init__(self) -> None:
        methods: dict[bytes, Method] = {**health_methods({"": lambda: True}), **reflection_methods()}
        ids = count(1)
        server = GrpcServer(
            {**methods, ECHO: _Echo(), b"/t/Never": _Never(), b"/t/Refuse": _Refuse()},
            message_bytes=BYTES_MOST,
            buffered_bytes=BYTES_MOST,
            fresh_id=lambda: b"id-%d" % next(ids),
            refused=lambda status: None,
        )
        self.session = Http2Session(LIMITS, server, lambda: None, 0.0)
        self.session.start()
        self.said = b""

    def say(self, data: bytes) -> None:
        self.session.feed(data, 0.0)
        self.said += b"".join(self.session.writer.take())


def _session(data: bytes) -> bool:
    """As one read and octet by octet: the same answer, of whole frames, and nothing is kept when it is over."""
    said = []
    for size in (len(data) or 1, 1):
        peer = Peer()
        peer.say(PREFACE + frames.settings({}))
        for at in range(0, len(data), size):
            peer.say(data[at : at + size])
        check(peer.session, peer.said)
        said.append(peer.said)
    same(said[0], said[1], "at once, and octet by octet")
    return b"grpc-status" in said[0]


def check(session: Http2Session, said: bytes) -> None:
    """What was said is whole frames that make sense, and nothing is kept when it is over."""
    ended: set[int] = set()
    table, writer = session.table, session.writer
    waiting = sum(len(piece) for stream in table.open.values() for piece in stream.queue or ())
    assert writer.queued == waiting, (writer.queued, waiting)
    at, last = 0, False
    while at < len(said):
        size, kind = int.from_bytes(said[at : at + 3], "big"), said[at + 3]
        flags, stream = struct.unpack_from(">BI", said, at + 4)
        payload = said[at + HEAD_SIZE : at + HEAD_SIZE + size]
        assert len(payload) == size <= 1 << 14, "a frame that is not whole, or too large"
        assert not last, "frames behind the last GOAWAY"
        if kind == frames.GOAWAY and struct.unpack_from(">I", payload, 4)[0]:
            last = True
        if kind in (frames.DATA, frames.HEADERS):
            assert stream not in ended, "an answer goes on behind its end"
            if flags & frames.END_STREAM:
                ended.add(stream)
        elif kind == frames.RST_STREAM and stream in table.open:
            raise AssertionError("a stream that was reset is open")
        at += HEAD_SIZE + size
    assert session.over == last, "over, and not said"
    session.check_time(1.0)
    writer.take()
    session.end()
    assert not table.open, "streams are left"
    assert table.buffered == 0, table.buffered
    assert writer.queued == 0, writer.queued


def _streams() -> list[bytes]:
    random = Random(1)
    call = [_headers(1, head(CHECK), frames.END_HEADERS), frame(frames.DATA, frames.END_STREAM, 1, framed(b""))]
    echo = [
        _headers(3, head(ECHO), frames.END_HEADERS),
        frame(frames.DATA, frames.END_STREAM, 3, framed(b"abc") * 3),
    ]
    asked = [
        _headers(1, head(_REFLECT), frames.END_HEADERS),
        frame(frames.DATA, frames.END_STREAM, 1, framed(_QUESTION)),
    ]
    padded = frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, b"\2" + framed(b"") + b"\0\0")
    return [b"".join(call + echo), b"".join(asked), call[0] + padded, made_stream(random)]


def _headers(stream: int, fields: list[tuple[bytes, bytes]], flags: int) -> bytes:
    return frame(frames.HEADERS, flags, stream, hyper.Encoder().encode(fields, huffman=False))


def made_stream(random: Random) -> bytes:
    """Whole frames in any order, mostly about the newest streams."""
    out, newest = [], -1
    for _ in range(random.randrange(2, 14)):
        what = random.randrange(16)
        if what < 5:
            newest += 2
            out.append(_made_headers(random, newest))
            continue
        stream = random.choice((newest, newest, newest, newest - 2, 0, newest + 1, newest + 2)) & 0x7FFFFFFF
        out.append(_made_other(random, what, stream))
    return b"".join(out)


def _made_headers(random: Random, stream: int) -> bytes:
    more = random.choices(FIELDS, k=random.choice((0, 0, 0, 1, 2)))
    block = hyper.Encoder().encode(head(random.choice(_PATHS), *more), huffman=random.random() < 0.3)
    flags = random.choice((4, 4, 4, 4, 5, 0, 1))
    if random.random() < 0.1:
        block, flags = bytes(5) + block, flags | frames.WITH_PRIORITY
    if flags & frames.END_HEADERS or random.random() < 0.2:
        return frame(frames.HEADERS, flags, stream, block)
    middle = random.randrange(len(block) + 1)
    first = frame(frames.HEADERS, flags, stream, block[:middle])
    return first + frame(frames.CONTINUATION, frames.END_HEADERS, stream, block[middle:])


def _made_other(random: Random, what: int, stream: int) -> bytes:
    number = struct.pack(">I", random.choice((0, 1, 8, 100, 65535, (1 << 31) - 1, 1 << 31)))
    if what < 10:
        payload = b"".join(random.choices(_MESSAGES, weights=(9, 9, 9, 1, 1, 1, 1), k=random.choice((0, 1, 1, 2, 40))))
        if random.random() < 0.1:
            return frame(frames.DATA, frames.PADDED, stream, bytes((random.randrange(9),)) + payload + bytes(4))
        return frame(frames.DATA, random.choice((0, 0, 1)), stream, payload)
    if what == 10:
        return frame(frames.RST_STREAM, 0, stream, number)
    if what == 11:
        return frame(frames.WINDOW_UPDATE, 0, random.choice((0, stream)), number)
    if what == 12:
        values = {
            random.choice((1, 2, 3, 4, 4, 5, 6, 99)): random.choice((0, 1, 100, 16384, 65535, 1 << 31, (1 << 32) - 1))
        }
        return frames.settings(values) if random.random() < 0.8 else frame(frames.SETTINGS, frames.ACK, 0)
    if what == 13:
        return frame(frames.PING, random.choice((0, 1)), 0, random.choice((bytes(8), b"bms last", b"x")))
    if what == 14:
        return frame(frames.HEADERS, 5, stream, hyper.Encoder().encode([(b"x-t", b"1")], huffman=False))  # trailers
    return frame(
        random.choice((2, 5, 7, 9, 10, 255)), random.randrange(256), random.choice((0, stream)), random.randbytes(8)
    )
