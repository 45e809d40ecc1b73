"""REST over HTTP/2 without sockets: what is kept of bodies, and how heads are written."""

import gc

import hpack as hyper
import pytest

from bms.core.errors import BmsError
from bms.web.inference.grpc.server import GrpcServer
from bms.web.inference.http.answers import JSON, plain_error
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import HttpRequest
from bms.web.inference.http2 import frames
from bms.web.inference.http2.frames import PREFACE, frame
from bms.web.inference.http2.hpack import encode
from bms.web.inference.http2.limits import Http2Limits
from bms.web.inference.http2.session import Http2Session
from bms.web.inference.rest.answer_fields import encoded, opening, whole
from bms.web.inference.rest.body import RequestBody
from bms.web.inference.rest.server import RestServer
from tests.peers.http2_peer import Sent, cut, data, headers


class Context:
    """Answers whole bodies with their size; a body of "broken" meets a defect."""

    date = b"date: now\r\n"
    whole_body = True

    def __init__(self, **limits: int) -> None:
        self.limits = HttpLimits(**limits)  # type: ignore[arg-type]
        self.opened = self.reopened = 0

    def fresh_id(self) -> bytes:
        return b"id"

    def open(self, request: HttpRequest) -> None:
        self.opened += 1
        request.head.handler = request.handler = self

    def reopen(self, request: HttpRequest) -> None:
        self.reopened += 1

    def remembers(self, request: HttpRequest) -> bool:
        return True

    def error_body(self, request: HttpRequest, error: BmsError) -> tuple[bytes, bytes]:
        return JSON, plain_error(error)

    def refused(self, request: HttpRequest, error: BmsError) -> None: ...

    def start(self, request: HttpRequest) -> None:
        body = request.body()
        if body == b"broken":
            raise RuntimeError("as asked")
        request.connection.respond(request, 200, JSON, b"%d" % len(body))

    def body(self, request: HttpRequest, chunk: bytes | memoryview) -> None:
        raise AssertionError

    def end(self, request: HttpRequest) -> None:
        raise AssertionError

    def cancel(self, request: HttpRequest) -> None: ...

    def writable(self, request: HttpRequest, yes: bool) -> None: ...


class Client:
    def __init__(self, context: Context, buffered: int = 1 << 20) -> None:
        server = GrpcServer(
            {},
            message_bytes=1,
            buffered_bytes=1,
            fresh_id=context.fresh_id,
            refused=lambda status: None,
            others=RestServer(context, buffered),
        )
        self.session = Http2Session(Http2Limits(), server, lambda: None, 0.0)
        self.session.start()
        self.ask(PREFACE, frames.settings({}), frame(frames.SETTINGS, frames.ACK, 0))

    def ask(self, *sent: bytes) -> list[Sent]:
        self.session.feed(b"".join(sent), 0.0)
        return cut(b"".join(self.session.writer.take()))


FIELDS = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"h")]
POST = encode(FIELDS)


def status(sent: list[Sent]) -> list[int]:
    blocks = [each.payload for each in sent if each.kind == frames.HEADERS]
    return [int(dict(hyper.Decoder().decode(block))[":status"]) for block in blocks]


def test_a_head_is_understood_once_and_again_where_the_body_differs() -> None:
    context = Context()
    client = Client(context)
    for stream in (1, 3, 5):
        assert status(client.ask(headers(stream, POST, frames.END_HEADERS), data(stream, b"ab", 1))) == [200]
    assert (context.opened, context.reopened) == (1, 2)
    (body,) = [each.payload for each in client.ask(headers(7, POST, 5)) if each.kind == frames.DATA]
    assert body == b"0"
    assert context.opened == 2


def test_unfinished_bodies_of_one_connection_are_bounded_together() -> None:
    client = Client(Context(), buffered=5000)
    client.ask(headers(1, POST, frames.END_HEADERS), data(1, bytes(3000)))
    assert status(client.ask(headers(3, POST, frames.END_HEADERS), data(3, bytes(3000)))) == [429]
    assert client.session.table.buffered == 3000
    assert status(client.ask(data(1, b"", 1))) == [200]
    assert client.session.table.buffered == 0


def test_a_body_over_the_limit_is_refused_before_it_ends() -> None:
    client = Client(Context(body_bytes=4000))
    assert status(client.ask(headers(1, POST, frames.END_HEADERS), data(1, bytes(3000)))) == []
    sent = client.ask(data(1, bytes(3000)))
    assert status(sent) == [413]
    assert (sent[-1].kind, sent[-1].code) == (frames.RST_STREAM, 0)


def test_a_defect_ends_its_request_alone() -> None:
    client = Client(Context())
    assert status(client.ask(headers(1, POST, frames.END_HEADERS), data(1, b"broken", 1))) == [500]
    assert status(client.ask(headers(3, POST, frames.END_HEADERS), data(3, b"whole", 1))) == [200]


def test_requests_leave_nothing_for_the_collector() -> None:
    client = Client(Context())
    client.ask(headers(1, POST, frames.END_HEADERS), data(1, b"ab", 1))
    while gc.collect():  # what tests before left; finalizers leave more
        pass
    gc.disable()
    try:
        for stream in range(3, 203, 2):
            client.ask(headers(stream, POST, frames.END_HEADERS), data(stream, b"ab", 1))
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_body_in_tiny_pieces_is_kept_as_bytes_not_as_objects() -> None:
    body = RequestBody()
    for octet in range(100_000):
        body.add(bytes((octet % 256,)))
    body.add(bytes(2000))
    body.add(b"end")
    assert body.size == 102_003
    taken = body.take()
    assert taken == bytes(range(256)) * 390 + bytes(range(160)) + bytes(2000) + b"end"
    assert (body.size, body.take()) == (0, b"")


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        (b"", []),
        (b"Warning: 299 bms \"a: b\"\r\nx-request-id: 7\r\n", [("warning", '299 bms "a: b"'), ("x-request-id", "7")]),
        (b"connection: close\r\ntransfer-encoding: chunked\r\nx-a: 1\r\n", [("x-a", "1")]),
    ],
)  # fmt: skip
def test_header_lines_become_fields_without_those_of_connections(lines: bytes, fields: list[tuple[str, str]]) -> None:
    assert hyper.Decoder().decode(encoded(lines)) == fields
    assert hyper.Decoder().decode(whole(404, b"text/plain", 3, lines))[3:] == fields
    assert hyper.Decoder().decode(opening(200, None, lines)) == [(":status", "200"), *fields]
