"""The client's end of our HTTP/2 session, without sockets: frames in, frames out. And what fuzzers aim at."""

import struct
from typing import NamedTuple

from bms.core.errors import BmsError
from bms.web.inference.grpc.messages import MessageReader
from bms.web.inference.http2 import frames
from bms.web.inference.http2.faults import ConnectionFault
from bms.web.inference.http2.frames import PREFACE, frame
from bms.web.inference.http2.hpack import Decoder, ListTooLarge, encode
from bms.web.inference.http2.limits import Http2Limits
from bms.web.inference.http2.session import Http2Session
from bms.web.inference.http2.stream import Stream

HEAD = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"h")]
OK = encode([(b":status", b"200")])
END = encode([(b"grpc-status", b"0")])
BLOCK = encode(HEAD)


class Sent(NamedTuple):
    """A frame the server sent."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """Of RST_STREAM or GOAWAY."""
        return struct.unpack_from(">I", self.payload, 4 if self.kind == frames.GOAWAY else 0)[0]


def cut(data: bytes) -> list[Sent]:
    """Whole frames, and nothing else."""
    out, at = [], 0
    while at < len(data):
        size, kind, flags, stream = int.from_bytes(data[at : at + 3], "big"), *struct.unpack_from(">BBI", data, at + 3)
        assert at + 9 + size <= len(data)
        out.append(Sent(kind, flags, stream, data[at + 9 : at + 9 + size]))
        at += 9 + size
    return out


class Recorder:
    """A Handler that remembers, and answers at once where `answers`."""

    too_large = encode([(b":status", b"431")])

    def __init__(self, answers: bool) -> None:
        self.answers = answers
        self.opened_streams: list[Stream] = []
        self.bodies: dict[int, bytes] = {}
        self.resets: list[int] = []
        self.drained: list[int] = []

    def opened(self, stream: Stream) -> None:
        self.opened_streams.append(stream)
        self.bodies[stream.id] = b""
        self._answer(stream)

    def data(self, stream: Stream, data: bytes) -> None:
        self.bodies[stream.id] += data
        self._answer(stream)

    def _answer(self, stream: Stream) -> None:
        if stream.ended and self.answers:
            stream.writer.answer(stream, OK, b"body", END)

    def reset(self, stream: Stream) -> None:
        self.resets.append(stream.id)

    def writable(self, stream: Stream) -> None:
        self.drained.append(stream.id)

    def check_time(self, stream: Stream, now: float) -> None: ...


class Peer:
    """A client that has said hello, unless `hello` is False. `now` is the time, in seconds."""

    def __init__(self, *, hello: bool = True, answers: bool = True, **limits: float) -> None:
        self.now = 0.0
        self.handler = Recorder(answers)
        self.session = Http2Session(Http2Limits(**limits), self.handler, lambda: None, 0.0)  # type: ignore[arg-type]
        self.session.start()
        if hello:
            self.say(PREFACE, frames.settings({}), frame(frames.SETTINGS, frames.ACK, 0))
            self.heard()

    def say(self, *data: bytes) -> None:
        self.session.feed(b"".join(data), self.now)

    def heard(self) -> list[Sent]:
        return cut(b"".join(self.session.writer.take()))

    def ask(self, *data: bytes) -> list[Sent]:
        self.say(*data)
        return self.heard()

    def check(self, now: float) -> list[Sent]:
        self.now = now
        self.session.check_time(now)
        return self.heard()

    @property
    def stream(self) -> Stream:
        """The newest."""
        return self.handler.opened_streams[-1]


def headers(stream: int, block: bytes = BLOCK, flags: int = frames.END_HEADERS | frames.END_STREAM) -> bytes:
    return frame(frames.HEADERS, flags, stream, block)


def opening(stream: int, block: bytes = BLOCK) -> bytes:
    """The head of a request whose body follows."""
    return headers(stream, block, frames.END_HEADERS)


def data(stream: int, payload: bytes, flags: int = 0) -> bytes:
    return frame(frames.DATA, flags, stream, payload)


def fuzz_hpack(block: bytes) -> None:
    """Blocks as one connection would decode them: the first octet says where to cut in two."""
    decoder = Decoder(32_768, 100)
    middle = block[0] if block else 0
    try:
        for part in (block[1:middle], block[middle:]):
            decoder.decode(part)
    except (ConnectionFault, ListTooLarge):
        return


def fuzz_http2(stream: bytes) -> None:
    """Bytes behind a good beginning, as one read and octet by octet: our answer is whole frames, the same ones, and a
    GOAWAY is the last of them."""
    said = []
    for size in (len(stream) or 1, 1):
        peer = Peer(hello=False)
        peer.say(PREFACE, frames.settings({}))
        for at in range(0, len(stream), size):
            peer.say(stream[at : at + size])
        said.append(peer.heard())
        assert peer.session.over == any(each.kind == frames.GOAWAY and each.code for each in said[-1])
    assert said[0] == said[1]


def fuzz_grpc(stream: bytes) -> None:
    """Bytes of messages, cut in two where the first octet says, compressed where they say so."""
    reader = MessageReader(b"gzip", 1 << 16)
    middle = stream[0] if stream else 0
    try:
        for part in (stream[1:middle], stream[middle:]):
            reader.add(part)
            while reader.next() is not None:
                pass
    except BmsError:
        return
