"""From bytes to requests: what the parser leaves to us."""

import pytest

from bms.core.errors import BmsError
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import HttpRequest
from bms.web.inference.http1.reader import RequestReader

HEAD = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\n"
UPGRADE = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n"


class Receiver:
    """Remembers what it is given."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.errors: list[BmsError] = []

    def opened(self, request: HttpRequest) -> None:
        self.requests.append(request)

    def unreadable(self, request: HttpRequest, error: BmsError) -> None:
        self.errors.append(error)


def reading() -> tuple[RequestReader, Receiver]:
    receiver = Receiver()
    return RequestReader(receiver, HttpLimits(), 0.0), receiver  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(
    "rest", [b"content-length: 4\r\n\r\nbody", b"transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"]
)
def test_a_body_behind_a_wish_for_another_protocol_is_read_and_is_the_last(rest: bytes, step: int) -> None:
    reader, receiver = reading()
    data = HEAD + UPGRADE + rest
    for at in range(0, len(data), step):
        assert reader.feed(data[at : at + step], 0.0)
    (request,) = receiver.requests
    assert (bytes(request.body()), request.complete, request.keep_alive) == (b"body", True, False)
    assert b"upgrade" not in request.fields
    assert reader.phase == "idle"


def test_a_wish_does_not_make_two_meanings_one() -> None:
    reader, receiver = reading()
    with pytest.raises(BmsError):
        reader.feed(HEAD + UPGRADE + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 0.0)
    assert receiver.requests == []


def test_a_value_ends_before_the_spaces_behind_it() -> None:
    reader, receiver = reading()
    reader.feed(HEAD + b"authorization:\t Bearer k \t\r\ncontent-length: 0 \r\n\r\n", 0.0)
    (request,) = receiver.requests
    assert request.fields[b"authorization"] == b"Bearer k"
    assert request.head.length == 0


def test_the_first_letter_of_a_method_begins_a_head() -> None:
    reader, receiver = reading()
    reader.feed(HEAD + b"\r\n", 0.0)
    assert (len(receiver.requests), reader.phase) == (1, "idle")
    reader.feed(HEAD + b"\r\nP", 5.0)
    assert (len(receiver.requests), reader.phase, reader.since) == (2, "head", 5.0)
    assert reader.late(21.0) is not None
