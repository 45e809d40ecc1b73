"""HTTP to upstreams, against real servers: where connections go, what is followed, what is kept, what is said."""

import contextlib
import http.server
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from bms.adapters.runtimes.remote.http import Http
from bms.core.errors import (
    BmsError,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    Unavailable,
)
from bms.core.serving.upstreams import Allowed, parse_allowed, place_of
from bms.serving.engines.threads import CancellationHook

SECRET = "sk-the-quarry-of-this-test"
LOOPBACK = parse_allowed(["127.0.0.0/8"])


class Upstream(http.server.ThreadingHTTPServer):
    """Answers by path; remembers requests, and how many connections were made."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.let_go = threading.Event()

    def get_request(self) -> tuple[socket.socket, object]:
        made = super().get_request()
        self.connections += 1
        return made

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what some tests are about."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.path, dict(self.headers.items()), body))
        what, _, rest = self.path.removeprefix("/").partition("/")
        if what == "status":
            status, _, to = rest.partition("/")
            headers = {"location": to.replace("~", "/")} if to else {}
            self.give(int(status), f"no: {self.headers.get('authorization')}\n{'x' * 5000}".encode(), **headers)
        elif what == "once":  # answered, then the kept connection is closed without a word
            self.give(200, b"once")
            self.close_connection = True
        elif what == "short":
            self.send_response(200)
            self.send_header("content-length", "10")
            self.end_headers()
            self.wfile.write(b"five!")
            self.close_connection = True
        elif what == "slow":
            self.server.let_go.wait(30)
            self.give(200, b"late")
        else:
            self.give(200, body or b"fine")

    do_POST = do_GET

    def give(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.let_go.set()
        server.shutdown()
        thread.join()


def http_to(server: Upstream, allowed: Allowed = LOOPBACK, timeout_s: float = 10.0, **more: object) -> Http:
    return Http(place_of(f"http://upstream.test:{server.port}"), allowed, None, timeout_s, resolve=loopback, **more)  # type: ignore[arg-type]


def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def test_connections_are_kept_and_one_that_was_closed_meanwhile_is_made_anew(upstream: Upstream) -> None:
    http = http_to(upstream)
    assert [http.json("POST", "/echo", b"a"), http.json("GET", "/x")] == [b"a", b"fine"]
    assert upstream.connections == 1
    assert http.json("GET", "/once") == b"once"
    assert http.json("GET", "/x") == b"fine"
    assert upstream.connections == 2
    path, headers, _ = upstream.seen[0]
    assert (path, headers["Host"]) == ("/echo", f"upstream.test:{upstream.port}")
    http.close()
    with pytest.raises(FailedPrecondition, match="closed"):
        http.json("GET", "/x")


@pytest.mark.parametrize("to", ["http:~~169.254.169.254~latest~meta-data~", "~other", "https:~~upstream.test~"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(upstream: Upstream, status: int, to: str) -> None:
    http = http_to(upstream)
    with pytest.raises(FailedPrecondition, match="redirects"):
        http.json("GET", f"/status/{status}/{to}")
    assert [path for path, *_ in upstream.seen] == [f"/status/{status}/{to}"]
    http.close()


def test_a_name_that_leads_elsewhere_later_is_looked_at_again_at_every_connect(upstream: Upstream) -> None:
    """Rebinding: public when it was verified, this machine afterwards."""
    answers = [["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34", "169.254.169.254"], ["::ffff:127.0.0.1"]]
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return answers[len(asked) - 1]

    http = Http(place_of(f"http://upstream.test:{upstream.port}"), Allowed(), None, 1.0, resolve=rebinding)
    for address in ("127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"):
        with pytest.raises(FailedPrecondition, match=f"may not be connected to: {address} is not a public address"):
            http.json("GET", "/x")
    assert (upstream.connections, upstream.seen, len(asked)) == (0, [], 4)


def test_the_address_that_was_checked_is_the_one_connected_to(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = http_to(upstream)

    def no_second_look(*_: object, **__: object) -> None:
        raise AssertionError("a name was resolved behind the check's back")

    monkeypatch.setattr(socket, "getaddrinfo", no_second_look)
    monkeypatch.setattr(socket, "gethostbyname", no_second_look)
    assert http.json("GET", "/x") == b"fine"
    http.close()


def test_a_place_that_may_not_be_reached_is_refused_before_anything_is_sent(upstream: Upstream) -> None:
    for allowed in (Allowed(), parse_allowed(["10.0.0.0/8"]), parse_allowed([f"upstream.test:{upstream.port + 1}"])):
        with pytest.raises(FailedPrecondition, match="not a public address; only an operator can allow it"):
            http_to(upstream, allowed)
    by_name = http_to(upstream, parse_allowed([f"upstream.test:{upstream.port}"]))
    assert by_name.json("GET", "/x") == b"fine"
    by_name.close()
    for host in ("127.1", "2130706433", "0x7f.1", "localhost"):  # what the system's resolver makes of them
        with pytest.raises(FailedPrecondition, match=r"not a public address|is not known"):
            Http(place_of(f"http://{host}:{upstream.port}"), Allowed(), None, 1.0)
    assert upstream.connections == 1


def test_a_secret_is_not_sent_unencrypted_unless_the_operator_allows_that_place(upstream: Upstream) -> None:
    place = place_of(f"http://upstream.test:{upstream.port}")
    with pytest.raises(FailedPrecondition, match="unencrypted"):
        Http(place, LOOPBACK, SECRET, 1.0, resolve=loopback)
    http = Http(place, parse_allowed([f"upstream.test:{upstream.port}"]), SECRET, 5.0, resolve=loopback)
    http.json("GET", "/x")
    assert upstream.seen[0][1]["Authorization"] == f"Bearer {SECRET}"
    for status in (400, 401, 404, 429, 500):
        with pytest.raises(BmsError) as caught:
            http.json("GET", f"/status/{status}")
        assert SECRET not in caught.value.message
        assert len(caught.value.message) < 400
    http.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidArgument),
        (401, FailedPrecondition),
        (403, FailedPrecondition),
        (404, FailedPrecondition),
        (408, DeadlineExceeded),
        (413, InvalidArgument),
        (422, InvalidArgument),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (504, DeadlineExceeded),
    ],
)
def test_what_an_upstream_refuses_has_a_meaning_here(upstream: Upstream, status: int, kind: type[BmsError]) -> None:
    http = http_to(upstream)
    with pytest.raises(kind, match=f"status {status}"):
        http.json("GET", f"/status/{status}")
    http.close()


def test_silence_refusal_and_half_an_answer_are_told_apart(upstream: Upstream) -> None:
    http = http_to(upstream, timeout_s=0.3)
    with pytest.raises(DeadlineExceeded, match=r"did not answer within 0\.3 s"):
        http.json("GET", "/slow")
    with pytest.raises(Unavailable, match="can't be reached"):
        http.json("GET", "/short")
    http.close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = place_of(f"http://upstream.test:{taken.getsockname()[1]}")
        with pytest.raises(Unavailable, match="Connection refused") as caught:
            Http(place, LOOPBACK, None, 1.0, resolve=loopback).json("GET", "/x")
        assert caught.value.retry_after_s is not None


def test_who_waits_can_be_interrupted_and_the_next_call_is_not(upstream: Upstream) -> None:
    http = http_to(upstream, timeout_s=60)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            http.json("GET", "/slow")
        except BmsError as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not upstream.seen:
        thread.join(0.01)
    while thread.is_alive():
        http.interrupt()
        thread.join(0.05)
    assert isinstance(failed[0], Unavailable)
    assert http.json("GET", "/x") == b"fine"
    http.close()


@contextlib.contextmanager
def given_up_in(http: Http) -> Iterator[Callable[[], None]]:
    """Asks in a thread; what is yielded gives the request up and waits until it has ended, cancelled."""
    off, failed = CancellationHook(), list[BaseException]()

    def ask() -> None:
        try:
            http.json("GET", "/slow", off=off)
        except BmsError as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()

    def give_up() -> None:
        off.give_up()
        thread.join(10)
        assert not thread.is_alive()
        assert [type(error) for error in failed] == [Cancelled]

    yield give_up
    http.close()


def test_who_gives_up_harms_no_other_call(upstream: Upstream) -> None:
    http = http_to(upstream, timeout_s=60)
    with given_up_in(http) as give_up:
        wait_until(lambda: len(upstream.seen) == 1)
        assert http.json("GET", "/x") == b"fine"
        give_up()
        assert http.json("GET", "/x") == b"fine"
    off = CancellationHook()
    again = http_to(upstream)
    assert again.json("GET", "/x", off=off) == b"fine"
    off.give_up()  # too late: its connection may be another's by now
    assert again.json("GET", "/x") == b"fine"
    assert upstream.connections == 3
    with pytest.raises(Cancelled):
        again.json("GET", "/x", off=off)
    again.close()


def test_giving_up_ends_connecting_and_the_handshake_too() -> None:
    with socket.socket() as silent, socket.socket() as first:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        secure = Http(place_of(f"https://upstream.test:{port}"), LOOPBACK, None, 60.0, resolve=loopback)
        with given_up_in(secure) as give_up:
            accepted, _ = silent.accept()
            assert accepted.recv(1), "its first words are there, and never answered"
            give_up()
            accepted.close()
        first.connect(("127.0.0.1", port))  # one waits to be accepted, which is all that may
        plain = Http(place_of(f"http://upstream.test:{port}"), LOOPBACK, None, 60.0, resolve=loopback)
        with given_up_in(plain) as give_up:
            wait_until(lambda: connecting(port))
            give_up()


def connecting(port: int) -> bool:
    """Whether the kernel waits for an answer of that port (SYN_SENT)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "02" for line in lines)


def wait_until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.002)


def test_an_answer_without_end_is_given_up(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bms.adapters.runtimes.remote.http.MAX_ANSWER", 1000)
    http = http_to(upstream)
    with pytest.raises(Internal, match="over 1000 bytes"):
        http.json("POST", "/echo", b"x" * 2000)
    http.close()


class _Tls(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@pytest.mark.parametrize(("name", "good"), [("upstream.test", True), ("other.test", False)])
def test_a_certificate_must_be_of_the_name_that_was_asked_for(tmp_path: Path, name: str, good: bool) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Upstream() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        place = place_of(f"https://upstream.test:{server.port}")
        try:
            http = Http(place, LOOPBACK, SECRET, 5.0, resolve=loopback, tls=trusting)
            if good:
                assert http.json("GET", "/x") == b"fine"
            else:
                with pytest.raises(Unavailable, match="no trusted certificate"):
                    http.json("GET", "/x")
            http.close()
            stranger = Http(place, LOOPBACK, SECRET, 5.0, resolve=loopback)  # with the system's authorities
            with pytest.raises(Unavailable, match="no trusted certificate"):
                stranger.json("GET", "/x")
            assert len(server.seen) == good
        finally:
            server.shutdown()
            thread.join()
