"""HTTP that means two things, or nothing, or comes too slowly: refused, once, and the connection ended."""

import socket
import time

import httpx
import pytest

from tests.security.wires import PATIENCE_S, listen, request, say
from tests.worlds.platforms import RealPlatform

ROW = b'{"instances":[[' + b",".join([b"0"] * 64) + b"]]}"
PREDICT = "/v1/models/digits:predict"
SMUGGLED = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST " + PREDICT.encode() + b" HTTP/1.1\r\n"

AMBIGUOUS = {
    "length and chunks": b"Host: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunks and length": b"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": b"Host: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n" + SMUGGLED,
    "two equal lengths": b"Host: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "a list of lengths": b"Host: x\r\nContent-Length: 0, 44\r\n\r\n" + SMUGGLED,
    "a signed length": b"Host: x\r\nContent-Length: +0\r\n\r\n" + SMUGGLED,
    "a negative length": b"Host: x\r\nContent-Length: -1\r\n\r\n" + SMUGGLED,
    "a hexadecimal length": b"Host: x\r\nContent-Length: 0x0\r\n\r\n" + SMUGGLED,
    "a length beyond 64 bits": b"Host: x\r\nContent-Length: 18446744073709551616\r\n\r\n" + SMUGGLED,
    "a length in words": b"Host: x\r\nContent-Length: zero\r\n\r\n" + SMUGGLED,
    "a space before the colon": b"Host: x\r\nContent-Length : 44\r\n\r\n" + SMUGGLED,
    "a tab before the colon": b"Host: x\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a folded header": b"Host: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a folded length": b"Host: x\r\nX: a\r\n Content-Length: 44\r\n\r\n" + SMUGGLED,
    "an unknown coding": b"Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunks twice": b"Host: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "identity": b"Host: x\r\nTransfer-Encoding: identity\r\n\r\n" + SMUGGLED,
    "chunks under gzip": b"Host: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two codings": b"Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "vertical tab": b"Host: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "no host": b"Content-Length: 0\r\n\r\n" + SMUGGLED,
    "two hosts": b"Host: x\r\nHost: y\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "a bare line feed": b"Host: x\nContent-Length: 0\n\n" + SMUGGLED,
    "a bare carriage return": b"Host: x\rContent-Length: 0\r\n\r\n" + SMUGGLED,
    "a NUL in a value": b"Host: x\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "a NUL in a name": b"Host: x\r\nX\0: a\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "no name": b"Host: x\r\n: a\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "no colon": b"Host: x\r\nContent-Length\r\n\r\n" + SMUGGLED,
    "a chunk of no size": b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\n\r\n" + SMUGGLED,
    "a chunk of a bad size": b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n" + SMUGGLED,
    "a chunk of a negative size": b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + SMUGGLED,
    "a chunk of 0x size": b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk beyond 64 bits": b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n" + SMUGGLED,
    "a chunk longer than said": b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" + SMUGGLED,
    "a line feed after a chunk": b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n" + SMUGGLED,
}
LINES = {
    "an unknown version": b"GET / HTTP/3.0\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /v2/health/live\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path that is none": b"GET v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "nearly HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "SSH": b"SSH-2.0-OpenSSH_9.0\r\n\r\n",
    "a NUL in the path": b"GET /v2/\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path of 9000": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header of 40000": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40000 + b"\r\n\r\n",
    "200 headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n",
}
METHODS = ("CONNECT", "lower-case method")  # that no path has


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_an_ambiguous_request_is_one_refusal_and_the_end(port: int, what: str) -> None:
    heard = say(port, POST + AMBIGUOUS[what])
    assert len(heard.statuses) == 1, heard.data
    assert heard.statuses[0] in (400, 401, 501), heard.data
    assert heard.closed
    assert b'"live"' not in heard.data


def test_the_smuggled_request_is_answered_where_it_is_a_request_of_its_own(port: int) -> None:
    """The positive control of the test above: the same bytes behind an honest request are a second one."""
    honest = POST + b"Host: x\r\nContent-Length: 0\r\n\r\n" + SMUGGLED
    heard = say(port, honest)
    assert heard.statuses == [401, 200]
    assert b'"live"' in heard.data


@pytest.mark.parametrize("what", LINES)
def test_what_is_no_request_of_ours_is_refused_in_json(port: int, what: str) -> None:
    heard = say(port, LINES[what] + SMUGGLED, half_close=True)
    assert len(heard.statuses) == 1, heard.data
    if what in METHODS:
        assert heard.statuses[0] == 405, heard.data
        assert b"\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" in heard.data
    else:
        assert heard.statuses[0] in (400, 414, 431, 505), heard.data
    assert b"application/json" in heard.data or b"problem+json" in heard.data
    assert heard.closed


def test_smuggling_does_not_pass_to_control_either(port: int, platform: RealPlatform) -> None:
    """The same on a path that is passed on, with a key, so that nothing but the framing refuses it."""
    key = b"Authorization: Bearer " + platform.key.encode() + b"\r\n"
    for what, rest in AMBIGUOUS.items():
        heard = say(port, b"POST /api/v1/models HTTP/1.1\r\n" + key + rest)
        assert heard.statuses[0] >= 400, (what, heard.data)
        assert len(heard.statuses) == 1, (what, heard.data)
        assert b'"live"' not in heard.data, what


def test_absolute_targets_and_foreign_hosts_change_nothing(port: int, platform: RealPlatform) -> None:
    """No virtual hosts, no proxying: whatever host is named, it is this platform that answers or refuses."""
    key = {"Authorization": f"Bearer {platform.key}"}
    for target in ("http://169.254.169.254/v2/health/live", "https://evil.example/v2/health/live"):
        assert say(port, request("GET", target)).statuses == [200]
    assert say(port, request("GET", "http://evil.example/api/v1/whoami", key)).statuses == [200]
    assert say(port, request("GET", "ftp://evil.example/v2/health/live")).statuses == [400]
    assert say(port, request("GET", "http://evil.example/api/v1/whoami")).statuses == [401]


def test_a_browser_of_another_site_gets_no_answer_it_may_read(port: int, platform: RealPlatform) -> None:
    """Keys travel in headers that no site can make a browser add by itself, so neither a forged request nor a rebound
    name acts for anybody; and no answer allows another origin to read it or to send such headers."""
    for path in ("/api/v1/whoami", "/v1/models", PREDICT, "/", "/api/v1/openapi.json"):
        asked = {"Origin": "https://evil.example", "Host": "evil.example"}
        for method in ("GET", "POST", "OPTIONS"):
            wish = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
            heard = say(port, request(method, path, {**asked, **(wish if method == "OPTIONS" else {})}))
            assert len(heard.statuses) == 1, heard.data
            assert b"access-control-" not in heard.data.lower()
            assert b"set-cookie" not in heard.data.lower()
    cookie = {"Cookie": f"key={platform.key}; authorization={platform.key}"}
    assert say(port, request("GET", "/api/v1/whoami", cookie)).statuses == [401]
    basic = {"Authorization": f"Basic {platform.key}"}
    assert say(port, request("GET", "/v1/models", basic)).statuses == [401]


def test_headers_of_ours_cannot_be_injected(port: int, platform: RealPlatform) -> None:
    key = {"Authorization": f"Bearer {platform.key}"}
    for id in ("a\tb", "é", "x" * 200, "a b", "\x7f"):
        heard = say(port, request("GET", "/api/v1/whoami", {**key, "X-Request-Id": id}))
        assert heard.statuses == [200] or heard.statuses == [400]
        assert f"x-request-id: {id}\r\n".encode("latin-1") not in heard.data
    for path in ("/api/v1/models/a%0d%0aX-Evil:%201", "/v1/models/a%0d%0aX-Evil:%201", "/v2/models/a%0d%0aX-Evil%3a1"):
        heard = say(port, request("GET", path, key))
        assert heard.statuses[0] in (400, 404)
        assert b"\r\nX-Evil" not in heard.data
        assert b"\nX-Evil" not in heard.data.partition(b"\r\n\r\n")[2]


def test_a_client_cannot_say_for_whom_it_came(port: int, platform: RealPlatform) -> None:
    forged = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-User": "owner", "Forwarded": "for=1.2.3.4"}
    assert say(port, request("GET", "/api/v1/whoami", forged)).statuses == [401]


def test_a_thousand_requests_in_one_write_are_a_thousand_answers_in_order(port: int, platform: RealPlatform) -> None:
    key = {"Authorization": f"Bearer {platform.key}"}
    many = [
        request("POST", PREDICT, {**key, "X-Request-Id": f"n{number}"}, ROW, close=number == 999)
        for number in range(1000)
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        began = time.monotonic()
        pending = memoryview(b"".join(many))
        connection.setblocking(False)
        heard = bytearray()
        deadline = began + 60
        ended = False
        while not ended and time.monotonic() < deadline:
            if pending:
                try:
                    pending = pending[connection.send(pending) :]
                except BlockingIOError:
                    pass
            try:
                data = connection.recv(1 << 16)
                heard += data
                ended = not data
            except BlockingIOError:
                time.sleep(0.001)
    ids = [line.partition(b": ")[2] for line in bytes(heard).split(b"\r\n") if line.startswith(b"x-request-id")]
    assert ids == [b"n%d" % number for number in range(1000)]
    assert heard.count(b"HTTP/1.1 200 ") == 1000


def test_a_client_that_says_it_is_done_still_gets_its_answer(port: int, platform: RealPlatform) -> None:
    key = {"Authorization": f"Bearer {platform.key}"}
    heard = say(port, request("POST", PREDICT, key, ROW), half_close=False)
    assert heard.statuses == [200]
    cut = say(port, request("POST", PREDICT, key, ROW)[:-10], half_close=True)  # and half a request is none
    assert cut.statuses in ([], [400])
    assert cut.closed


def test_slow_clients_hold_nobody_up(port: int, call: httpx.Client) -> None:
    """Two hundred that began and never go on; the platform answers others as before."""
    slow = []
    try:
        for number in range(200):
            connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
            begun = (POST + b"Host: x\r\nX: ", b"GET / HT", b"", request("POST", PREDICT, {"Content-Length": "9"}))
            connection.sendall(begun[number % 4])
            slow.append(connection)
        for _ in range(20):
            assert call.post(PREDICT, content=ROW).status_code == 200
            assert call.get("/api/v1/whoami").status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_a_head_that_does_not_come_to_its_end_is_given_up(port: int) -> None:
    """One byte at a time counts from the first one: the time for a head is not renewed by more of it."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        began = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        heard = b""
        connection.settimeout(1.0)
        while time.monotonic() - began < 40:
            try:
                connection.sendall(b"a")
                heard = connection.recv(1 << 16)
                break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        assert heard.startswith(b"HTTP/1.1 408 ")
        assert listen(connection, 5.0, began).closed
