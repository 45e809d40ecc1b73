"""An HTTP/1.1 client for one upstream: connects to the very address that was checked, and follows no redirects."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from bms.core.errors import (
    BmsError,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    Unavailable,
)
from bms.core.retry_after import bounded_retry_after, parse_retry_after
from bms.core.serving.upstreams import Allowed, Place, refusal
from bms.serving.engines.threads import CancellationHook

CONNECT_S = 10.0
KEPT_S = 30.0  # servers close theirs, too, and seldom sooner
MAX_ANSWER = 1 << 30  # bytes
MAX_WORDS = 200  # characters of an upstream's own words that are repeated
_PIECE = 1 << 20

Resolve = Callable[[str, int], list[str]]
Head = Mapping[str, str]


def resolve(host: str, port: int) -> list[str]:
    """Resolves a name to its addresses, in the system's order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Http:
    """A client of one upstream. Safe to use from several threads; `interrupt` makes those under way fail, giving up the
    `off` of one makes that one fail. At most `kept` idle connections are kept."""

    def __init__(
        self,
        place: Place,
        allowed: Allowed,
        secret: str | None,
        timeout_s: float,
        *,
        kept: int = 4,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Raises FailedPrecondition when the place may not be reached, or a secret would go there unencrypted."""
        self.place = place
        self._allowed = allowed
        self._timeout_s = timeout_s
        self._kept = kept
        self._resolve = resolve
        self._tls = (tls or ssl.create_default_context()) if place.scheme == "https" else None
        self._headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        self._lock = threading.Lock()
        self._idle: list[tuple[float, _Connection]] = []
        self._busy: set[_Connection] = set()
        self._closed = False
        try:
            self.addresses()
        except Unavailable as error:
            raise FailedPrecondition(error.message) from error
        if secret is not None and self._tls is None and (place.host, place.port) not in allowed.places:
            raise FailedPrecondition(
                "the upstream's secret would be sent unencrypted: use https, or let the operator allow "
                f"{place.host}:{place.port} by --allow-upstream"
            )

    def addresses(self) -> list[str]:
        """The addresses to connect to. Raises FailedPrecondition when any of it may not be connected to."""
        place = self.place
        try:
            found = self._resolve(place.host, place.port)
        except (OSError, UnicodeError) as error:
            raise Unavailable(f"the upstream's name {place.host!r} is not known: {error}") from None
        for address in found:
            if (why := refusal(address, place.host, place.port, self._allowed)) is not None:
                raise FailedPrecondition(
                    f"the upstream {place.host!r} may not be connected to: {why}; only an operator can allow it, by "
                    "--allow-upstream"
                )
        if not found:
            raise Unavailable(f"the upstream's name {place.host!r} has no address")
        return found

    def json(self, method: str, path: str, body: bytes | None = None, off: CancellationHook | None = None) -> bytes:
        """Sends a request, and decodes the body of a good answer. Raises as `answer` does."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        return self.answer(method, path, body, headers, off)[1]

    def answer(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Head | None = None,
        off: CancellationHook | None = None,
    ) -> tuple[Head, bytes]:
        """Sends a request: head (names in lower case) and body of a good answer.

        Raises InvalidArgument where the upstream finds fault with the content, else Unavailable, DeadlineExceeded or
        FailedPrecondition, always in our words with at most a few of the upstream's; Cancelled where it was given up.
        """
        with _Exchange(self, method, path, body, headers or {}, off) as exchange:
            return exchange.head, exchange.read()

    def stream(
        self, method: str, path: str, body: bytes, headers: Head | None = None, off: CancellationHook | None = None
    ) -> Iterator[bytes]:
        """Sends a request, and iterates over the lines of a good answer, as they come. Closing the iterator closes the
        connection. Raises as `answer`."""
        with _Exchange(self, method, path, body, headers or {}, off) as exchange:
            yield from exchange.lines()

    def interrupt(self) -> None:
        with self._lock:
            busy = list(self._busy)
        for connection in busy:
            connection.abort()

    def close(self) -> None:
        self._closed = True
        self.interrupt()
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def take(self, fresh: bool) -> "tuple[_Connection, bool]":
        """A connection, and whether it was used before."""
        if self._closed:
            raise FailedPrecondition("this servable is closed")
        with self._lock:
            while self._idle and not fresh:
                since, kept = self._idle.pop()
                if time.monotonic() - since < KEPT_S:
                    self._busy.add(kept)
                    return kept, True
                kept.close()
        made = _Connection(self.place, self.addresses(), self._tls, self._timeout_s)
        with self._lock:
            self._busy.add(made)
        return made, False

    def give(self, connection: "_Connection", usable: bool) -> None:
        with self._lock:
            self._busy.discard(connection)
            if usable and not self._closed and len(self._idle) < self._kept:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()

    @property
    def headers(self) -> Head:
        return self._headers

    @property
    def timeout_s(self) -> float:
        return self._timeout_s


class _Connection(http.client.HTTPConnection):
    """Connects to one of `addresses`, never by name; TLS is checked against the name all the same."""

    def __init__(self, place: Place, addresses: list[str], tls: ssl.SSLContext | None, timeout_s: float) -> None:
        super().__init__(place.host, place.port, timeout=timeout_s)
        self._addresses = addresses
        self._aborted = False
        self._connecting: socket.socket | None = None
        self._tls = tls
        self._default = place.port == (443 if tls is not None else 80)
        self._bare = f"[{place.host}]" if ":" in place.host else place.host

    @property
    def named(self) -> str:
        """The value of the Host header."""
        return self._bare if self._default else f"{self._bare}:{self.port}"

    def connect(self) -> None:
        self.sock = self._connected()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            wrapped = self._tls.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = wrapped  # from here on `abort` finds it
            self._check_wanted()
            wrapped.do_handshake()

    def _connected(self) -> socket.socket:
        last: OSError = OSError("it has no address")
        for address in self._addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = self._connecting = socket.socket(family, socket.SOCK_STREAM)
            try:
                self._check_wanted()
                sock.settimeout(min(CONNECT_S, self.timeout or CONNECT_S))
                sock.connect((address, self.port))
                self._check_wanted()
            except OSError as error:
                sock.close()
                last = error
                continue
            sock.settimeout(self.timeout)
            return sock
        raise last

    def _check_wanted(self) -> None:
        if self._aborted:
            raise ConnectionAbortedError("it was given up")

    def abort(self) -> None:
        """Makes whoever waits for this connection, in another thread, fail; it can't be used from then on."""
        self._aborted = True
        sock = self.sock or self._connecting
        if sock is not None:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # of the connection alone, also below TLS
            except OSError:
                return  # it is closed


class _Exchange:
    """One request and its answer, over a kept connection where one still works."""

    def __init__(
        self, http: Http, method: str, path: str, body: bytes | None, headers: Head, off: CancellationHook | None
    ) -> None:
        self._http = http
        self._off = off
        self._request = (method, http.place.path + path, body, {**headers, **http.headers})
        self._ends = time.monotonic() + http.timeout_s
        self._usable = False

    def __enter__(self) -> "_Exchange":
        self._connection, kept = self._http.take(fresh=False)
        try:
            try:
                self._begin()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                if not kept:  # a kept one may have been closed by the upstream meanwhile
                    raise
                self._http.give(self._connection, usable=False)
                self._connection, _ = self._http.take(fresh=True)
                self._begin()
            self._check()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._off is not None:
            self._off.by(None)  # the connection may soon be another request's
            if self._off.given_up:
                self._usable = False
        done = self._usable and error is None
        self._http.give(self._connection, usable=done)
        if isinstance(error, (OSError, http.client.HTTPException)) and not isinstance(error, BmsError):
            raise self._converted(error) from None

    def _converted(self, error: Exception) -> BmsError:
        if self._off is not None and self._off.given_up:
            return Cancelled("this request was given up")
        host = self._http.place.host
        if isinstance(error, ssl.SSLCertVerificationError):
            return Unavailable(f"the upstream {host!r} has no trusted certificate: {error.verify_message}")
        if isinstance(error, TimeoutError):
            return DeadlineExceeded(f"the upstream {host!r} did not answer within {self._http.timeout_s:g} s")
        words = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        return Unavailable(f"the upstream {host!r} can't be reached: {words}", retry_after_s=1.0)

    def _begin(self) -> None:
        method, path, body, headers = self._request
        connection = self._connection
        if self._off is not None:
            self._off.by(connection.abort)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", connection.named)
        connection.putheader("User-Agent", "bms")
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        self._response = connection.getresponse()
        self.head = {name.lower(): value for name, value in self._response.getheaders()}

    def _check(self) -> None:
        status = self._response.status
        if 200 <= status < 300:
            return
        said = self._response.read(4 * MAX_WORDS)
        for value in self._http.headers.values():  # some repeat the key that they refuse
            said = said.replace(value.removeprefix("Bearer ").encode(), b"...")
        raise failure(self._http.place.host, status, said, self.head)

    def read(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while piece := self._response.read1(_PIECE):
            parts.append(piece)
            size += len(piece)
            self._in_time()
            if size > MAX_ANSWER:
                raise Internal(f"the upstream {self._http.place.host!r} answers with over {MAX_ANSWER} bytes")
        if self._response.length:  # what was promised and did not come
            raise http.client.IncompleteRead(b"", self._response.length)
        self._usable = not self._response.will_close
        self._response.close()  # the connection stays
        return b"".join(parts)

    def lines(self) -> Iterator[bytes]:
        """Iterates over the lines of the answer. Raises Internal for an answer that says to be no stream of events."""
        kind = self.head.get("content-type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/json"):
            raise Internal(f"the upstream {self._http.place.host!r} answers with {kind}, expected text/event-stream")
        size = 0
        while line := self._response.readline(_PIECE):
            self._in_time()
            size += len(line)
            if size > MAX_ANSWER or not line.endswith(b"\n"):
                raise Internal(f"the upstream {self._http.place.host!r} streams more than can be read")
            yield line.rstrip(b"\r\n")

    def _in_time(self) -> None:
        """A trickle of bytes must not keep the call alive for ever."""
        if time.monotonic() > self._ends:
            raise TimeoutError


def failure(host: str, status: int, body: bytes, head: Head) -> BmsError:
    """Converts an answer that is not good to an error for our caller."""
    said = excerpt(body)
    if 300 <= status < 400:
        return FailedPrecondition(
            f"the upstream {host!r} redirects (status {status}), which is not followed: write the address it means "
            "into upstream.json"
        )
    if status in (401, 403):
        return FailedPrecondition(
            f"the upstream {host!r} refuses our credentials (status {status}): check the secret in upstream.json"
        )
    if status == 404:
        return FailedPrecondition(f"the upstream {host!r} has no such model or path (status 404){said}")
    if status in (408, 504):
        return DeadlineExceeded(f"the upstream {host!r} took too long (status {status})")
    if status in (400, 413, 415, 422):
        return InvalidArgument(f"the upstream {host!r} refuses this request (status {status}){said}")
    asked = bounded_retry_after(parse_retry_after(head.get("retry-after", ""), datetime.now(UTC)))
    wait = 1.0 if asked is None else asked
    return Unavailable(f"the upstream {host!r} can't answer now (status {status})", retry_after_s=wait)


def excerpt(body: bytes) -> str:
    """A short excerpt of an upstream's message, in one line that can't be taken for anything else."""
    text = "".join(each if each.isprintable() else " " for each in body.decode(errors="replace")).strip()
    return f"; it says {text[:MAX_WORDS]!r}" if text else ""
