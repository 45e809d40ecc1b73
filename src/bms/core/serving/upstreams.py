"""Upstreams: the external servers that a model may forward requests to, and which addresses may be connected to.

Public unicast addresses alone, unless the operator allows more. The registries are those of IANA:
https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry (RFC 6890).
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from bms.core.errors import InvalidArgument

FILE = "upstream.json"  # read by `core.upstreams`
BESIDE = frozenset({FILE, "bms.json"})  # all that such an artifact may hold


MAX_BYTES = 64 << 10
MOST_CONCURRENCY = 256
PORTS = {"http": 80, "https": 443}
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?")
_SECRET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PATH = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@%-]*")

_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # public by its number, a cloud's own machine service by its use
            *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
        ),
    )
)
_GLOBAL_6 = ipaddress.ip_network("2000::/3")  # all other IPv6 is local, mapped, translated, multicast or reserved
_LOOPBACK_6 = ipaddress.ip_address("::1")
# Where the machine's own services are, and IPv6 that means an IPv4 address, which would have to be looked at again.
_NEVER_BY_NAME = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32", "192.0.0.192/32"),
            *("100.100.100.200/32", "::ffff:0:0:0/96"),
            *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fe80::/10"),
            *("fd00:ec2::/32", "ff00::/8"),
        ),
    )
)


class Upstream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file `upstream.json`: the server that answers for this model, its protocol, and the model's name there.

    `secret` names a secret of the tenant that is sent as `Authorization: Bearer`. A replica has at most `concurrency`
    requests in progress there.
    """

    url: str
    protocol: Literal["oip", "openai", "openai-embeddings"]
    model: str
    secret: str | None = None
    timeout_s: float = 30.0
    concurrency: int = 16


class Place(NamedTuple):
    """The parts of an upstream's URL: `path` is what goes before every path of the protocol, without its last slash."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str


class Allowed(NamedTuple):
    """The addresses that an operator allows beyond public ones: networks, and hosts (in lower case) with a port."""

    networks: tuple[Network, ...] = ()
    places: frozenset[tuple[str, int]] = frozenset()


def read_upstream(content: bytes) -> Upstream:
    """Parses the file `upstream.json`. Raises InvalidArgument saying what is wrong with it."""
    if len(content) > MAX_BYTES:
        raise InvalidArgument(f"{FILE!r} has {len(content)} bytes, expected at most {MAX_BYTES}")
    try:
        upstream = msgspec.json.decode(content, type=Upstream)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"{FILE!r} does not describe an upstream: {error}") from None
    place_of(upstream.url)
    if not 1 <= len(upstream.model) <= 200 or not upstream.model.isprintable():
        raise InvalidArgument(f"'model' in {FILE!r} must be the model's name there, 1 to 200 printable characters")
    if not 0.1 <= upstream.timeout_s <= 600:
        raise InvalidArgument(f"'timeout_s' in {FILE!r} is {upstream.timeout_s}, expected 0.1 to 600 seconds")
    if not 1 <= upstream.concurrency <= MOST_CONCURRENCY:
        raise InvalidArgument(
            f"'concurrency' in {FILE!r} is {upstream.concurrency}, expected 1 to {MOST_CONCURRENCY} requests at once"
        )
    if upstream.secret is not None:
        check_secret_name(upstream.secret)
    return upstream


def check_secret_name(name: str) -> str:
    """Raises InvalidArgument unless it may be a secret's."""
    if not _SECRET.fullmatch(name):
        raise InvalidArgument(
            f"{name[:80]!r} can't be a secret's name: use 1 to 63 letters, digits, '.', '_' or '-', beginning with a "
            "letter or digit"
        )
    return name


def place_of(url: str) -> Place:
    """Parses a URL. Raises InvalidArgument for anything but http or https with a host, a port if need be, and a plain
    path."""
    try:
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise InvalidArgument("it has characters that a URL must not have")
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme not in ("http", "https"):
            raise InvalidArgument("it begins with neither http:// nor https://")
        if "@" in parts.netloc:
            raise InvalidArgument("it names a user: name a 'secret' instead")
        if parts.query or parts.fragment or "?" in url or "#" in url:
            raise InvalidArgument("it has a query or a fragment")
        written = f"[{host}]" if isinstance(_address(host), ipaddress.IPv6Address) else host
        if not (_address(host) or _HOST.fullmatch(host)) or port == 0:
            raise InvalidArgument("it has no valid host")
        if parts.netloc.lower() not in (written, f"{written}:{port}"):
            raise InvalidArgument("its host and port can be read in two ways")
        if not _PATH.fullmatch(parts.path) or "//" in parts.path or {".", ".."} & set(parts.path.split("/")):
            raise InvalidArgument("its path is not a plain one")
    except (InvalidArgument, ValueError) as error:
        raise InvalidArgument(f"the URL of an upstream can't be used: {error}; write https://host/path") from None
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    return Place(scheme, host.lower(), port or PORTS[scheme], parts.path.rstrip("/"))


def parse_allowed(texts: Iterable[str]) -> Allowed:
    """Parses networks such as 10.1.0.0/16 and places such as inference.internal:8000. Raises InvalidArgument."""
    networks: list[Network] = []
    places: set[tuple[str, int]] = set()
    for text in texts:
        try:
            if "/" in text or _address(text):
                networks.append(ipaddress.ip_network(text))
                continue
            host, _, port = text.rpartition(":")
            if not port.isdecimal() or not 1 <= int(port) <= 65535:
                raise ValueError("it has no port")
            if not (_address(host.strip("[]")) or _HOST.fullmatch(host)):
                raise ValueError("it has no host")
            places.add((host.strip("[]").lower(), int(port)))
        except ValueError as error:
            raise InvalidArgument(
                f"{text[:80]!r} can't be allowed as an upstream: {error}; write a network like 10.1.0.0/16 or a place "
                "like inference.internal:8000"
            ) from None
    return Allowed(tuple(networks), frozenset(places))


def refusal(address: str, host: str, port: int, allowed: Allowed = Allowed()) -> str | None:
    """Returns why `address`, to which `host` was resolved, must not be connected to; None: it may be.

    A place that is allowed by name may be at any address but those of machines' own services.
    """
    found = _address(address)
    if found is None:
        return f"{address[:60]!r} is no plain IP address"
    if any(found in network for network in allowed.networks):
        return None
    if (host.lower(), port) in allowed.places and (
        found == _LOOPBACK_6 or not any(found in network for network in _NEVER_BY_NAME)
    ):
        return None
    if any(found in network for network in _NOT_PUBLIC) or (found.version == 6 and found not in _GLOBAL_6):
        return f"{address} is not a public address"
    return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None
