"""Finds a client's address behind trusted proxies, from their headers (RFC 7239, and X-Forwarded-…).

Anybody can send these headers, so only a proxy that the operator trusts is believed, about whoever it had a connection
with: from the nearest on, the first address that is no trusted proxy's is the client's. Further left stands what the
client may have written itself.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from bms.core.errors import InvalidArgument
from bms.web.inference.http.framing import Header

_PAIR = re.compile(
    rb'[ \t]*([!#$%&\'*+\-.^_`|~0-9A-Za-z]+)=("(?:[^"\\]|\\.)*"|[!#$%&\'*+\-.^_`|~0-9A-Za-z:\[\]]*)[ \t]*'
)
_HOST = re.compile(rb"[A-Za-z0-9\-._]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
_PREFIX = re.compile(rb"(?:/[A-Za-z0-9\-._~]+){1,16}")
_LONGEST = 256  # of a prefix
_PROTOS = (b"http", b"https")


class Origin(NamedTuple):
    """The client's address, and the scheme and host by which it reached the outermost proxy: empty where they are the
    gateway's."""

    address: str
    proto: bytes = b""
    host: bytes = b""
    prefix: bytes = b""


class _Hop(NamedTuple):
    """One proxy's statement about its own client."""

    address: str
    proto: bytes
    host: bytes


def check_network(text: str) -> str:
    """Parses a network, `10.0.0.0/8`, or one address. Raises InvalidArgument."""
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        raise InvalidArgument(
            f"{text[:80]!r} is no network: write an address like 10.0.0.7 or a network like 10.0.0.0/8 or fd00::/8"
        ) from None


class Proxies:
    """The trusted proxies, by their `networks`."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, networks))

    def origin(self, peer: str, headers: list[Header]) -> Origin:
        """Returns the origin of a request that came from `peer`. Headers of proxies that are not trusted are
        ignored."""
        if not self._networks or not self._trusts(peer):
            return Origin(peer)
        standard, usual = _forwarded(headers), _x_forwarded(headers)
        if standard and usual:
            # A proxy that writes one may let the other pass as it came: only what both say is believed.
            one, other = self._walk(peer, standard), self._walk(peer, usual)
            if one.address != other.address:
                return Origin(peer)
            same = [mine if mine == theirs else b"" for mine, theirs in zip(one[1:], other[1:], strict=True)]
            return Origin(one.address, same[0], same[1], _prefix(headers))
        return self._walk(peer, standard or usual)._replace(prefix=_prefix(headers))

    def _walk(self, peer: str, hops: list[_Hop]) -> Origin:
        found = Origin(peer)
        for hop in reversed(hops):
            if not self._trusts(found.address):
                break
            found = Origin(hop.address or found.address, hop.proto or found.proto, hop.host or found.host)
            if not hop.address:  # it says how, and not who
                break
        return found

    def _trusts(self, address: str) -> bool:
        known = _address(address)
        return known is not None and any(known in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _node(text: bytes) -> str:
    """Parses the address of a node, which may have a port; empty for an invalid one, hidden names among them."""
    text = text.strip()
    if text.startswith(b"["):
        text = text[1:].partition(b"]")[0]
    elif text.count(b":") == 1:
        text = text.partition(b":")[0]
    found = _address(text.decode("latin-1"))
    return "" if found is None else str(found)


def _all(headers: list[Header], name: bytes) -> bytes:
    return b",".join(value for each, value in headers if each == name)


def _forwarded(headers: list[Header]) -> list[_Hop]:
    """Parses the elements of Forwarded. One that can't be read says nothing, and nothing left of it counts."""
    value = _all(headers, b"forwarded")
    return [_element(part) for part in _split(value)] if value else []


def _split(value: bytes) -> list[bytes]:
    """Splits at commas that are not quoted."""
    parts, quoted, start, at = [], False, 0, 0
    while at < len(value):
        octet = value[at : at + 1]
        if octet == b"\\" and quoted:
            at += 1
        elif octet == b'"':
            quoted = not quoted
        elif octet == b"," and not quoted:
            parts.append(value[start:at])
            start = at + 1
        at += 1
    return [*parts, value[start:]]


def _element(part: bytes) -> _Hop:
    said: dict[bytes, bytes] = {}
    at = 0
    while at < len(part):
        found = _PAIR.match(part, at)
        if found is None or found[1].lower() in said:
            return _Hop("", b"", b"")
        raw = found[2]
        said[found[1].lower()] = re.sub(rb"\\(.)", rb"\1", raw[1:-1]) if raw[:1] == b'"' else raw
        at = found.end()
        if part[at : at + 1] not in (b"", b";"):
            return _Hop("", b"", b"")
        at += 1
    return _Hop(_node(said.get(b"for", b"")), _proto(said.get(b"proto", b"")), _host(said.get(b"host", b"")))


def _x_forwarded(headers: list[Header]) -> list[_Hop]:
    """Parses X-Forwarded-For's addresses, with protocol and host beside them: as many as addresses, or one of the
    nearest."""
    names = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
    addressed, proto_value, host_value = (_all(headers, name) for name in names)
    if not (addressed or proto_value or host_value):
        return []
    addresses = addressed.split(b",")
    protos, hosts = _beside(proto_value, len(addresses)), _beside(host_value, len(addresses))
    return [
        _Hop(_node(address), _proto(proto), _host(host))
        for address, proto, host in zip(addresses, protos, hosts, strict=True)
    ]


def _beside(value: bytes, count: int) -> list[bytes]:
    values = value.split(b",")
    if len(values) == count:
        return values
    return [b""] * (count - 1) + values[-1:]


def _proto(value: bytes) -> bytes:
    value = value.strip().lower()
    return value if value in _PROTOS else b""


def _host(value: bytes) -> bytes:
    value = value.strip()
    return value if _HOST.fullmatch(value) else b""


def _prefix(headers: list[Header]) -> bytes:
    value = _all(headers, b"x-forwarded-prefix").rpartition(b",")[2].strip().rstrip(b"/")
    return value if len(value) <= _LONGEST and _PREFIX.fullmatch(value) and b"/." not in value else b""
