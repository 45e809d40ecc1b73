"""The server's address: its check, when a proxy is used, and the error when nothing answers there."""

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from bms.core.errors import InvalidArgument
from bms.sdk.transport.flow import TimedOut, Unreachable


def check_url(url: str) -> str:
    """Checks a server's URL, and returns it without a trailing slash and surrounding blanks. Raises InvalidArgument
    unless it is an http(s) URL, and for one that holds a password, which would be sent in place of the key and be shown
    in errors."""
    url = url.strip()
    if "@" in url:
        raise InvalidArgument(
            f"the address of {url.rpartition('@')[2]!r} holds a user or a password, which a server of BMS doesn't "
            "take: leave it out, and give the key by itself"
        )
    try:
        parts = urlsplit(url)
        httpx.URL(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        good = False
    if not good:
        raise InvalidArgument(f"{url!r} is not a server's address: write it like http://127.0.0.1:8000")
    return url.rstrip("/")


def trust_env(url: str) -> bool:
    """Whether a proxy named in the environment may be used: never to reach this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


@contextmanager
def proxies_read() -> Iterator[None]:
    """A context for code that reads the environment's proxy settings. Raises InvalidArgument, which shows no password
    of theirs."""
    try:
        yield
    except (ValueError, httpx.InvalidURL):
        raise InvalidArgument(
            "a proxy of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) is no address: expected one like "
            "http://proxy:3128"
        ) from None


def unreachable(error: httpx.TransportError, url: str) -> Unreachable | TimedOut:
    """Converts a connection error to ours; it says whether the request may have arrived."""
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
        return TimedOut(f"{url} did not answer {_within(error)}: allow more with timeout_s, or send less at once")
    if isinstance(error, httpx.LocalProtocolError):  # its words may hold a header's value
        return Unreachable(f"the request to {url} can't be written as HTTP, so that it was not sent", sent=False)
    sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    if _is_of_tls(error):
        return Unreachable(
            f"no secure connection to {url}: {error}; does it have an authority of its own (--ca)?", sent=sent
        )
    if sent:
        return Unreachable(f"{url} did not answer: {str(error) or type(error).__name__}", sent=True)
    return Unreachable(f"nobody answers at {url} ({error}): is the server up? Try `bms status`", sent=False)


def _within(error: httpx.TimeoutException) -> str:
    try:
        allowed = error.request.extensions["timeout"]["read"]
    except (RuntimeError, KeyError):
        return "in time"
    return f"within {allowed:g} s"


def _is_of_tls(error: BaseException | None) -> bool:
    """Whether TLS is at the bottom of it; the HTTP library wraps errors more than once."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None
