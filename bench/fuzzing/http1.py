"""HTTP/1.1 as the gateway reads it: the connection itself on a socket of memory, against the strict reading, in pieces
and at once, with heads it remembers and without."""

from random import Random

from bms.web.inference.http.heads import Heads
from bms.web.inference.http.proxies import Proxies
from bms.web.inference.http.request import request_id
from bms.web.inference.http1.connection import HttpConnection
from bms.web.inference.paths import read_path
from fuzzing.memory_server import MemoryHost, Seen, Socket
from fuzzing.strict import Read, read
from fuzzing.target import Decoder, same, taking

_PATH = b"/v2/models/m/infer"
_HEAD = b"POST %b HTTP/1.1\r\nhost: a\r\nauthorization: Bearer k\r\n" % _PATH
SEEDS = [
    _HEAD + b"content-length: 4\r\n\r\nbody",
    _HEAD + b"content-length: 4\r\n\r\nbody" + _HEAD + b"content-length: 2\r\n\r\n{}",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;a=b\r\nd\r\n0\r\n\r\n",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nt: 1\r\n\r\nGET /s HTTP/1.1\r\nhost: a\r\n\r\n",
    _HEAD + b"expect: 100-continue\r\ncontent-length: 4\r\n\r\nbody",
    b"\r\nGET /s?a=1 HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET http://b/s HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PUT /s HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc",
    _HEAD + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}",
    _HEAD + b"x-request-id: one\r\ntraceparent: 00-a-b-01\r\ncontent-length: 2\r\n\r\n{}",
    b"\r\n" + _HEAD + b"X-Request-Id: two\r\ncontent-length: 2\r\n\r\n{}",
]
_FORWARDED = [
    b'for=192.0.2.43, for="[2001:db8:cafe::17]:4711";proto=https;host=a.example;by=203.0.113.43',
    b'for="_gazonk", for=unknown;proto=http, FOR=10.0.0.1',
    b"192.0.2.43, 10.0.0.2:80, [::1]:4711, ::ffff:10.0.0.3",
]
_PROXIES = Proxies(("10.0.0.0/8",))
_PATHS = [
    b"/v1/models/digits/versions/3:predict",
    b"/v1/models/digits/labels/stable:classify",
    b"/v2/models/digits/versions/1/infer",
    b"http://host/v2/models/%C3%A9/ready?x=1",
]
_STARTS = (
    *(b"POST /v2/models/m/infer HTTP/1.1", b"GET /s HTTP/1.1", b"POST /v2/models/m/infer HTTP/1.0", b"GET * HTTP/1.1"),
    *(b"POST /v2/models/m/infer", b"POST /s HTTP/2.0", b"POST /s HTTP/0.9", b"GET /s RTSP/1.0", b"SOURCE /s ICE/1.0"),
    *(b"POST  /s HTTP/1.1", b"POST /s HTTP/1.1 ", b"POST /s\tHTTP/1.1", b"HEAD /s HTTP/1.1", b"CONNECT a:1 HTTP/1.1"),
)
_LINES = (
    *(b"host: a", b"Host: a", b"Host : a", b" host: a", b"host:", b"content-length: 4", b"Content-Length: 4"),
    *(
        b"content-length: 04",
        b"content-length: +4",
        b"content-length: 4, 4",
        b"content-length:\t4",
        b"content-length: 4 ",
    ),
    *(
        b"content-length: 0",
        b"content-length: 0x4",
        b"content-length : 4",
        b"content-length: 200000",
        b"content-length:",
    ),
    *(b"transfer-encoding: chunked", b"Transfer-Encoding: CHUNKED", b"transfer-encoding: chunked ", b"te: trailers"),
    *(b"transfer-encoding: gzip, chunked", b"transfer-encoding:\x0bchunked", b"transfer-encoding: chunked, chunked"),
    *(b"transfer-encoding: identity", b"transfer_encoding: chunked", b"x: a\r\n b", b"x: a\x00b", b"x\x00: a", b"x"),
    *(b"expect: 100-continue", b"expect: tea", b"connection: close", b"connection: keep-alive", b"connection: upgrade"),
    *(b"x-request-id: one", b"X-Request-Id: two", b"x-request-id: a b", b"traceparent: 00-a-b-01", b"Traceparent: x"),
    *(b"upgrade: h2c", b"x: " + b"a" * 3000, b"x: \xe9", b"x: a\rb", b"x: a\nb", b"authorization: Bearer k", b": a"),
)
_BODIES = (
    *(b"", b"body", b"4\r\nbody\r\n0\r\n\r\n", b"4;a\r\nbody\r\n0\r\n\r\n", b"4\nbody\n0\n\n", b"0\r\n\r\n"),
    *(
        b"0\r\ncontent-length: 4\r\n\r\n",
        b"4 \r\nbody\r\n0\r\n\r\n",
        b"0x4\r\nbody\r\n0\r\n\r\n",
        b"-4\r\nbody\r\n0\r\n\r\n",
    ),
    *(b"0000000000000004\r\nbody\r\n0\r\n\r\n", b"ffffffffffffffff\r\nbody", b"4\r\nbodyx\r\n0\r\n\r\n", b"P", b"PO"),
)


def _origin(value: bytes) -> None:
    for names in ((b"forwarded",), (b"x-forwarded-for", b"x-forwarded-proto"), (b"forwarded", b"x-forwarded-for")):
        found = _PROXIES.origin("10.0.0.1", [(name, value) for name in names])
        assert found.address.isascii(), found
        assert found.address, found


def decoders() -> list[Decoder]:
    return [
        Decoder("forwarded", taking(_origin), _FORWARDED),
        Decoder("path", taking(lambda target: read_path(b"POST", target)), _PATHS),
        Decoder("http/1.1 connection", Trial().run, SEEDS, make=made, longest=8192),
    ]


def _kept(request: Seen) -> Seen:
    """Without what says something of one request alone, or of the connection's future, and is not kept."""
    varying = (b"x-request-id", b"traceparent", b"upgrade")
    return request._replace(fields=[field for field in request.fields if field[0] not in varying])


def _expected(request: Read) -> Seen:
    """As a handler should get it."""
    id = request_id(dict(request.fields).get(b"x-request-id")) or b"id"
    return _kept(Seen(*request, id))


def made(random: Random) -> bytes:
    """One to three requests, put together from lines that are right or nearly so."""
    out = []
    for _ in range(random.choice((1, 1, 2, 3))):
        start = random.choice(_STARTS[:3]) if random.random() < 0.8 else random.choice(_STARTS)
        lines = [start, b"host: a", *random.choices(_LINES, k=random.choice((0, 1, 1, 2, 3)))]
        if random.random() < 0.1:
            random.shuffle(lines)
        if random.random() < 0.1:
            lines.insert(0, random.choice((b"", b"", b"x-request-id: one")))
        end = random.choice((b"\r\n",) * 30 + (b"\n", b"\r", b"\r\r\n"))
        out.append(end.join(lines) + end + end + random.choice(_BODIES))
    return b"".join(out)


class Trial:
    """One input on three connections: at once and fresh; in pieces, where the input says, fresh; and in the same
    pieces where heads of all former inputs are remembered."""

    def __init__(self) -> None:
        self._known = Heads()

    def run(self, data: bytes) -> bool:
        believed, end = read(data)
        expected = [_expected(request) for request in believed]
        whole, answers = talk(data, [], Heads())
        same(whole, expected[: len(whole)], "what is answered, and the strict reading")
        if end == "refuse" and len(whole) == len(believed):
            assert answers.count(b"HTTP/1.1 4") + answers.count(b"HTTP/1.1 5") <= 1, answers
        cuts = _cuts(data)
        fresh = talk(data, cuts, Heads())
        same(fresh[0], whole[: len(fresh[0])], "in pieces, and at once")
        same(talk(data, cuts, self._known), fresh, "with remembered heads, and without")
        same(talk(data, [], self._known), (whole, answers), "with remembered heads at once, and without")
        return bool(whole)


def talk(data: bytes, cuts: list[int], heads: Heads) -> tuple[list[Seen], bytes]:
    """The requests that were answered, and all that was said."""
    host = MemoryHost(heads)
    connection = HttpConnection(host)
    transport = Socket(connection)
    connection.connection_made(transport)
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        transport.give(data[start:end])
    connection.check_time(100.0)
    connection.connection_lost(None)
    return [_kept(request) for request in host.seen], bytes(transport.sent)


def _cuts(data: bytes) -> list[int]:
    """One to three places that follow from the bytes themselves, one of them behind a request where there are two."""
    random = Random(data)
    second = data.find(b"POST", 1)
    places = {random.randrange(len(data) + 1) for _ in range(random.choice((1, 2, 3)))}
    return sorted(places | ({second + random.choice((0, 0, 1, 2))} if second > 0 else set()) - {0})
