import pytest

from bms.core.errors import BmsError, InvalidArgument, MethodNotAllowed, PayloadTooLarge
from bms.web.inference.http.framing import HeaderTooLarge, check_body_size, frame
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import RequestHead, request_id

HOST = (b"host", b"a")


def framed(*headers: tuple[bytes, bytes], method: bytes = b"POST", version: str = "1.1") -> RequestHead:
    head = RequestHead(method, b"/", version, list(headers))
    frame(head, HttpLimits(header_count=5))
    return head


@pytest.mark.parametrize(
    ("headers", "length", "expects"),
    [
        ((), 0, False),
        (((b"content-length", b"12"),), 12, False),
        (((b"transfer-encoding", b"Chunked"),), None, False),
        (((b"content-length", b"12"), (b"expect", b"100-Continue")), 12, True),
        (((b"content-length", b"0"), (b"expect", b"100-continue")), 0, False),
        (((b"transfer-encoding", b"chunked"), (b"expect", b"100-continue")), None, True),
    ],
)
def test_a_body_is_delimited_one_way(
    headers: tuple[tuple[bytes, bytes], ...], length: int | None, expects: bool
) -> None:
    request = framed(HOST, *headers)
    assert (request.length, request.expects) == (length, expects)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ((HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")), InvalidArgument),
        ((HOST, (b"content-length", b"1"), (b"content-length", b"1")), InvalidArgument),
        ((HOST, (b"content-length", b"+1")), InvalidArgument),
        ((HOST, (b"content-length", b"1, 1")), InvalidArgument),
        ((HOST, (b"content-length", b"9" * 19)), InvalidArgument),
        ((HOST, (b"transfer-encoding", b"gzip, chunked")), InvalidArgument),
        ((HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")), InvalidArgument),
        ((HOST, HOST), InvalidArgument),
        ((HOST, (b"authorization", b"a"), (b"authorization", b"b")), InvalidArgument),
        ((HOST, (b"expect", b"tea")), InvalidArgument),
        ((), InvalidArgument),
        ((HOST, *((b"x", b"y"),) * 5), HeaderTooLarge),
        ((HOST, *((b"x%d" % n, b"y") for n in range(5))), HeaderTooLarge),
    ],
)
def test_what_has_two_meanings_or_too_much_is_refused(
    headers: tuple[tuple[bytes, bytes], ...], error: type[BmsError]
) -> None:
    with pytest.raises(error):
        framed(*headers)


def test_http_1_0_has_no_chunks_needs_no_host_and_waits_for_nothing() -> None:
    assert framed((b"content-length", b"3"), (b"expect", b"100-continue"), version="1.0").expects is False
    with pytest.raises(InvalidArgument):
        framed((b"transfer-encoding", b"chunked"), version="1.0")


@pytest.mark.parametrize("version", ["0.9", "2.0"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(InvalidArgument, match=version):
        framed(HOST, version=version)


@pytest.mark.parametrize("method", [b"CONNECT", b"PROPFIND", b"get"])
def test_methods_that_no_path_has_are_refused_with_those_there_are(method: bytes) -> None:
    with pytest.raises(MethodNotAllowed, match=f"{method.decode()} is not served") as refused:
        framed(HOST, method=method)
    assert refused.value.allowed == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def test_bodies_over_the_limit_are_refused() -> None:
    limits = HttpLimits(body_bytes=10)
    check_body_size(10, limits)
    with pytest.raises(PayloadTooLarge, match="10 bytes"):
        check_body_size(11, limits)


@pytest.mark.parametrize(
    ("given", "id"),
    [(None, None), (b"abc-1", b"abc-1"), (b"", None), (b"a b", None), (b"a\xff", None), (b"a" * 129, None)],
)
def test_a_clients_request_id_is_kept_where_it_can_be_written(given: bytes | None, id: bytes | None) -> None:
    assert request_id(given) == id
