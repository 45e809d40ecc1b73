"""A head is remembered only if what comes with the same bytes again must mean the same."""

import pytest

from bms.web.inference.http.framing import frame
from bms.web.inference.http.heads import LONGEST, Heads
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import HttpRequest, RequestHead, request_id

LINES = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n"


def read(data: bytes, *headers: tuple[bytes, bytes], version: str = "1.1") -> HttpRequest:
    head = RequestHead(b"POST", b"/v2/models/m/infer", version, [(b"host", b"a"), (b"content-length", b"4"), *headers])
    frame(head, HttpLimits())
    return HttpRequest(None, head)  # type: ignore[arg-type]


def found(heads: Heads, data: bytes) -> tuple[RequestHead, bytes | None] | None:
    return heads.find(data, data.find(b"\r\n\r\n") + 4)


def with_lines(*lines: bytes) -> bytes:
    return LINES.replace(b"host: a\r\n", b"host: a\r\n" + b"".join(line + b"\r\n" for line in lines)) + b"body"


def remembered(*headers: tuple[bytes, bytes]) -> tuple[Heads, HttpRequest]:
    heads, data = Heads(), with_lines(*(name + b": " + value for name, value in headers))
    request = read(data, *((name.lower(), value) for name, value in headers))
    request.head.request_id = request_id(request.head.fields.get(b"x-request-id"))
    heads.remember(data, request)
    return heads, request


@pytest.mark.parametrize("name", [b"x-request-id", b"X-Request-Id", b"X-Request-ID"])
def test_a_requests_own_id_and_trace_do_not_make_another_head(name: bytes) -> None:
    heads, request = remembered((name, b"first"), (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-1"))
    assert found(heads, with_lines(name + b": second", b"traceparent: 00-other")) == (request.head, b"second")
    assert found(heads, with_lines(b"traceparent: 00-other")) == (request.head, None)
    assert found(heads, LINES + b"body") == (request.head, None)
    assert request.head.request_id is None


@pytest.mark.parametrize(
    "lines",
    [
        (b"x-request-id: a b",),
        (b"x-request-id: " + b"a" * 129,),
        (b"x-request-id:",),
        (b"x-request-id: a", b"x-request-id: b"),
        (b"x-request-id: a\n",),
        (b"y: 1",),
        (b"x-request-id: a\rb: c",),
    ],
)
def test_lines_with_anything_unusual_in_them_are_read(lines: tuple[bytes, ...]) -> None:
    heads, _ = remembered((b"x-request-id", b"first"))
    assert found(heads, with_lines(*lines)) is None


@pytest.mark.parametrize("headers", [((b"x-request-id", b"a"), (b"X-Request-Id", b"b")), ((b"x-request-id", b"a b"),)])
def test_ids_that_could_be_understood_otherwise_are_not_remembered(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    heads, _ = remembered(*headers)
    assert len(heads) == 0 or found(heads, LINES + b"body") is None


def test_the_same_bytes_are_the_same_head() -> None:
    heads = Heads()
    request = read(LINES + b"body")
    heads.remember(LINES + b"body", request)
    again = LINES + b"else"
    assert found(heads, again) == (request.head, None)
    assert found(heads, again.replace(b"host: a", b"host: b")) is None


@pytest.mark.parametrize(
    ("data", "headers", "version", "keep_alive"),
    [
        (LINES + b"bod", (), "1.1", True),  # not whole
        (LINES + b"body?", (), "1.1", True),  # more than it
        (LINES.replace(b"\r\n", b"\n") + b"\r\n\r\n", (), "1.1", True),  # its end is not where it seems
        (LINES + b"body", ((b"expect", b"100-continue"),), "1.1", True),
        (LINES + b"body", (), "1.0", True),
        (LINES + b"body", (), "1.1", False),
        (LINES.replace(b"host: a", b"host: " + b"a" * LONGEST) + b"body", (), "1.1", True),
    ],
)
def test_what_may_mean_something_else_is_not(
    data: bytes, headers: tuple[tuple[bytes, bytes], ...], version: str, keep_alive: bool
) -> None:
    heads = Heads()
    request = read(data, *headers, version=version)
    request.head.keep_alive = keep_alive
    heads.remember(data, request)
    assert len(heads) == 0


def test_chunked_bodies_are_read_every_time() -> None:
    heads = Heads()
    head = RequestHead(b"POST", b"/", "1.1", [(b"host", b"a"), (b"transfer-encoding", b"chunked")])
    frame(head, HttpLimits())
    heads.remember(b"POST / HTTP/1.1\r\n\r\n0\r\n\r\n", HttpRequest(None, head))  # type: ignore[arg-type]
    assert len(heads) == 0


def test_it_stays_small() -> None:
    heads = Heads()
    for number in range(10_000):
        data = LINES.replace(b"host: a", b"host: %d" % number) + b"body"
        heads.remember(data, read(data))
    assert 0 < len(heads) <= 4096


def test_an_empty_line_before_does_not_make_a_line_that_varies_of_the_request_line() -> None:
    heads, data = Heads(), b"\r\n" + LINES + b"body"
    request = read(data)
    heads.remember(data, request)
    assert len(heads) == 0


def test_an_id_that_is_none_is_not_forgotten_when_another_is_cut_out() -> None:
    heads, _ = remembered((b"x-request-id", b"a b"))
    assert len(heads) == 0
    assert found(heads, with_lines(b"X-Request-Id: two", b"x-request-id: a b")) is None
