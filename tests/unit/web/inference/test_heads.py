"""A head is remembered only if what comes with the same bytes again must mean the same."""

import pytest

from bms.web.inference.framing import frame
from bms.web.inference.heads import LONGEST, Heads
from bms.web.inference.limits import HttpLimits
from bms.web.inference.request import Head, Request

LINES = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n"


def read(data: bytes, *headers: tuple[bytes, bytes], version: str = "1.1") -> Request:
    head = Head(b"POST", b"/v2/models/m/infer", version, [(b"host", b"a"), (b"content-length", b"4"), *headers])
    frame(head, HttpLimits())
    return Request(None, head)  # type: ignore[arg-type]


def test_the_same_bytes_are_the_same_head() -> None:
    heads = Heads()
    request = read(LINES + b"body")
    heads.remember(LINES + b"body", request)
    again = LINES + b"else"
    assert heads.find(again, again.find(b"\r\n\r\n") + 4) is request.head
    other = again.replace(b"host: a", b"host: b")
    assert heads.find(other, other.find(b"\r\n\r\n") + 4) is None


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
    head = Head(b"POST", b"/", "1.1", [(b"host", b"a"), (b"transfer-encoding", b"chunked")])
    frame(head, HttpLimits())
    heads.remember(b"POST / HTTP/1.1\r\n\r\n0\r\n\r\n", Request(None, head))  # type: ignore[arg-type]
    assert len(heads) == 0


def test_it_stays_small() -> None:
    heads = Heads()
    for number in range(10_000):
        data = LINES.replace(b"host: a", b"host: %d" % number) + b"body"
        heads.remember(data, read(data))
    assert 0 < len(heads) <= 4096
