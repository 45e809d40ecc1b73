"""REST over HTTP/2, without sockets: frames in every order before handlers that remember. What control would be sent of
a request is read by another parser of HTTP/1.1 as that one request."""

from random import Random
from typing import Any

import hpack as hyper
import httptools

from bms.web.inference.grpc.server import GrpcServer
from bms.web.inference.http.framing import Header
from bms.web.inference.http.heads import Heads
from bms.web.inference.http.proxies import Origin
from bms.web.inference.http.request import HttpRequest
from bms.web.inference.http2 import frames
from bms.web.inference.http2.frames import PREFACE, frame
from bms.web.inference.http2.session import Http2Session
from bms.web.inference.rest.server import RestServer
from bms.web.inference.reverse_proxy import passed_head
from fuzzing.http2 import BYTES_MOST, LIMITS, check
from fuzzing.memory_server import MemoryHost, Recorder
from fuzzing.target import Decoder as Target
from fuzzing.target import same

_METHODS = (b"GET", b"POST", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"G T", b"GET /x HTTP/1.1", b"CONNECT", b"\x80")
_PATHS = (
    *(b"/v2/models/m/infer", b"/api/v1/things?x=1", b"/refused", b"/a b", b"/a%20b", b"*", b"x", b"/\x80", b"/#"),
    *(b"/a HTTP/1.1", b"http://a/b", b"//a", b"/a\tb"),
)
_MORE = (
    *((b"content-length", each) for each in (b"0", b"2", b"3", b"10", b"+2", b"")),
    *((b"host", each) for each in (b"a", b"b", b"", b"a b")),
    *((b"transfer-encoding", b"chunked"), (b"connection", b"close"), (b"te", b"trailers"), (b"upgrade", b"h2c")),
    *((b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"expect", b"100-continue"), (b"expect", b"x")),
    *((b"x-a", b"b\x01"), (b"x-a", b"b\xff"), (b"x-a", b""), (b"x-a", b"b: c"), (b"x:a", b"b"), (b"x a", b"b")),
    *((b"x-request-id", b"mine"), (b"authorization", b"k"), (b"x-forwarded-for", b"6.6.6.6"), (b"te", b"gzip")),
)
_BODIES = (b"", b"ab", b"abc", b"GET / HTTP/1.1\r\n\r\n", b"x" * 2000, b"0\r\n\r\n")


def decoders() -> list[Target]:
    return [Target("rest over http/2", _session, _streams(), make=_made_stream, longest=6000)]


class _Downgraded(Recorder):
    """Remembers what it gets, and that it reads the same as what control is sent."""

    def end(self, request: HttpRequest) -> None:
        host = self._host
        if not self.whole_body:
            _as_one(request)
        super().end(request)
        assert host.seen


class _Parsed:
    """What another parser makes of a head and its body."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[Header] = []
        self.ended = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        self.ended += 1


def _as_one(request: HttpRequest) -> None:
    body = bytes(request.body())
    if request.head.length is None:
        framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        framed = body
    parsed = _Parsed()
    parser = httptools.HttpRequestParser(parsed)
    parser.feed_data(passed_head(request, b"http", Origin("1.2.3.4")) + framed)
    assert parsed.ended == 1, "what control is sent is not one request"
    same((parser.get_method(), parsed.url), (request.method, request.target), "a request, and what control is sent")
    names = [name for name, _ in parsed.headers]
    for name in (b"host", b"content-length", b"transfer-encoding", b"x-forwarded-for", b"x-request-id", b"connection"):
        assert names.count(name) <= 1, f"control is sent {name!r} twice"
    sent = {name for name, _ in request.head.headers}
    assert set(names) <= sent | {b"transfer-encoding", b"content-length", b"x-forwarded-for", b"x-forwarded-proto",
                                 b"x-request-id", b"connection", b"host"}, "a header came from nowhere"  # fmt: skip


class _Host(MemoryHost):
    def __init__(self) -> None:
        super().__init__(Heads())
        self._stream = _Downgraded(self, whole_body=False)


class _Peer:
    def __init__(self) -> None:
        self.host = _Host()
        server = GrpcServer(
            {},
            message_bytes=BYTES_MOST,
            buffered_bytes=BYTES_MOST,
            fresh_id=self.host.fresh_id,
            refused=lambda status: None,
            others=RestServer(self.host, BYTES_MOST),
        )
        self.session = Http2Session(LIMITS, server, lambda: None, 0.0)
        self.session.start()
        self.said = b""

    def say(self, data: bytes) -> None:
        self.session.feed(data, 0.0)
        self.said += b"".join(self.session.writer.take())


def _session(data: bytes) -> bool:
    """As one read and octet by octet: the same requests are seen, and the same is answered."""
    said: list[Any] = []
    for size in (len(data) or 1, 1):
        peer = _Peer()
        peer.say(PREFACE + frames.settings({}))
        for at in range(0, len(data), size):
            peer.say(data[at : at + size])
        check(peer.session, peer.said)
        said.append((peer.said, peer.host.seen))
    same(said[0], said[1], "at once, and octet by octet")
    return bool(said[0][1])


def _head(method: bytes, path: bytes, *more: Header) -> list[Header]:
    return [(b":method", method), (b":scheme", b"http"), (b":path", path), (b":authority", b"a"), *more]


def _headers(stream: int, fields: list[Header], flags: int) -> bytes:
    return frame(frames.HEADERS, flags, stream, hyper.Encoder().encode(fields, huffman=False))


def _streams() -> list[bytes]:
    infer = _headers(1, _head(b"POST", _PATHS[0], (b"content-length", b"3")), 4)
    sent = infer + frame(frames.DATA, 0, 1, b"a") + frame(frames.DATA, 1, 1, b"bc")
    passed = _headers(3, _head(b"PUT", _PATHS[1]), 4) + frame(frames.DATA, 1, 3, b"ab")
    return [sent + passed, _headers(1, _head(b"GET", b"/"), 5), sent + sent.replace(b"\0\0\0\1", b"\0\0\0\5")]


def _made_stream(random: Random) -> bytes:
    out, newest = [], -1
    for _ in range(random.randrange(1, 12)):
        if newest < 0 or random.random() < 0.4:
            newest += 2
            more = random.choices(_MORE, k=random.choice((0, 0, 0, 1, 1, 2)))
            fields = _head(random.choice(_METHODS[:6]), random.choice(_PATHS[:3]), *more)
            if random.random() < 0.2:
                fields[random.choice((0, 2))] = (b":path", random.choice(_PATHS))
            if random.random() < 0.1:
                fields[0] = (b":method", random.choice(_METHODS))
            out.append(_headers(newest, fields, random.choice((4, 4, 4, 5))))
            continue
        stream, what = random.choice((newest, newest, newest, max(newest - 2, 1))), random.random()
        if what < 0.75:
            out.append(frame(frames.DATA, random.choice((0, 0, 1, 1)), stream, random.choice(_BODIES)))
        elif what < 0.85:
            out.append(frame(frames.RST_STREAM, 0, stream, bytes(4)))
        elif what < 0.95:
            out.append(frame(frames.WINDOW_UPDATE, 0, random.choice((0, stream)), b"\0\0\1\0"))
        else:
            out.append(_headers(stream, [(b"x-t", b"1")], 5))  # trailers
    return b"".join(out)
