"""Origins as an operator writes them."""

import pytest

from bms.core.errors import InvalidArgument
from bms.web.inference.http.cors import Cors, check_origin
from bms.web.inference.http.request import RequestHead


@pytest.mark.parametrize("text", ["https://app.example", "http://localhost:5173", "http://[::1]:8080", "*"])
def test_what_is_an_origin(text: str) -> None:
    assert check_origin(text) == text


@pytest.mark.parametrize(
    "text", ["app.example", "https://app.example/", "https://app.example/page", "ftp://a", "null", "", "https://*.a"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no origin: write scheme, host"):
        check_origin(text)


def test_case_does_not_count_and_the_page_hears_its_own_words() -> None:
    cors = Cors([check_origin("https://App.Example")])
    lines = cors.lines(RequestHead(b"GET", b"/", "1.1", [(b"origin", b"https://APP.example")]))
    assert lines.startswith(b"access-control-allow-origin: https://APP.example\r\n")
    assert cors.lines(RequestHead(b"GET", b"/", "1.1", [])) == b""
