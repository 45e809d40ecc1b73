"""Keys and addresses as people give them: what surrounds a key is taken off, and no message shows one."""

import httpx
import pytest

from bms.core.access.credentials import new_key
from bms.core.errors import InvalidArgument
from bms.sdk import AsyncClient, Client
from bms.sdk.transport.addresses import check_url, unreachable
from bms.sdk.transport.credentials import clean_key

KEY = str(new_key())


@pytest.mark.parametrize("around", ["\n", "\r\n", " ", "\t", "\u00a0"])
def test_white_space_around_a_key_is_taken_off(around: str) -> None:
    assert clean_key(around + KEY + around) == KEY
    with Client("http://127.0.0.1:9", KEY + around) as client:
        assert client._driver._http.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("inside", "said"), [("\r\n", "line break"), (" ", "a blank"), ("\0", "control"), ("…", "put your key in place of")]
)
def test_what_can_be_no_key_is_refused_without_showing_it(kind: type[Client], inside: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said) as refusal:
        kind("http://127.0.0.1:9", KEY[:40] + inside + KEY[40:])
    assert not any(part in refusal.value.message for part in (KEY[:30], KEY[40:]))


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_key_is_no_key(empty: str) -> None:
    with pytest.raises(InvalidArgument, match="the key is empty"):
        clean_key(empty)


def test_a_header_that_can_not_be_sent_is_not_shown() -> None:
    error = unreachable(httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}\\r'"), "http://h")
    assert (KEY in error.message, error.sent) == (False, False)


@pytest.mark.parametrize("url", ["http://me:hidden@h:1", "ftp://me:hidden@h", "me:hidden@h"])
def test_an_address_with_a_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        check_url(url)
    assert "hidden" not in refusal.value.message


@pytest.mark.parametrize("proxy", ["foo://me:hidden@p:1", "http://me:hidden@p:port"])
def test_a_proxy_that_is_no_address_is_said_without_its_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(InvalidArgument, match="HTTPS_PROXY") as refusal:
        Client("https://example.invalid", KEY)
    assert "hidden" not in refusal.value.message
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize("url", ["", "h:1", "http://", "http://[::1", "http://h:port", "http://h:99999"])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(InvalidArgument, match="not a server's address"):
        check_url(url)
