"""The listening socket."""

import socket

import pytest

from bms.app.exit_codes import ExitCode, Refusal
from bms.app.supervisor.listening import is_loopback, listen, url_of


def test_it_listens_and_knows_its_url() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert url_of(listening) == f"http://127.0.0.1:{port}"
        socket.create_connection(("127.0.0.1", port)).close()


def test_everywhere_is_reached_by_loopback() -> None:
    with listen("0.0.0.0", 0) as listening:
        assert url_of(listening).startswith("http://127.0.0.1:")


@pytest.mark.parametrize(("host", "words"), [("no.such.host.invalid", "no address"), ("192.0.2.1", "can't listen")])
def test_an_address_that_is_not_ours_is_refused(host: str, words: str) -> None:
    with pytest.raises(Refusal, match=words) as caught:
        listen(host, 0)
    assert caught.value.exit_code == ExitCode.PORT_IN_USE


def test_only_this_machine_is_loopback() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")] == [
        True,
        True,
        True,
        False,
        False,
    ]
