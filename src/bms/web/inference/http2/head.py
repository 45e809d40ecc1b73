"""Parses and checks the head of an HTTP/2 request (RFC 9113, section 8)."""

import re

from bms.web.inference.http2.fields import Field

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_NO_VALUE = re.compile(rb"[\x00\r\n]|^[ \t]|[ \t]$")
_PSEUDO = frozenset((b":method", b":scheme", b":path", b":authority"))
_OF_CONNECTIONS = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"http2-settings")
)
_NONE: frozenset[bytes] = frozenset()


class Http2Head:
    """The parsed head of a request. One object serves all requests that come with the same block.

    `headers` are as they came, `fields` has each name's last value, `repeated` the names that came more than once.
    `length` is what content-length says, None without one. `note` belongs to the layer above: what it understood, once
    for all such requests.
    """

    __slots__ = ("authority", "fields", "headers", "length", "method", "note", "path", "repeated", "scheme")

    def __init__(
        self, method: bytes, path: bytes, headers: list[Field], scheme: bytes = b"http", authority: bytes = b""
    ) -> None:
        self.method = method
        self.path = path
        self.scheme = scheme
        self.authority = authority  # empty where none was sent
        self.headers = headers
        self.fields = dict(headers)
        self.repeated = _repeated(headers) if len(self.fields) < len(headers) else _NONE
        self.length = _length(self.fields.get(b"content-length"), b"content-length" in self.repeated)
        self.note: object = None


def read_head(fields: list[Field]) -> Http2Head:
    """Parses a header list. Raises ValueError for what RFC 9113 calls malformed."""
    pseudo: dict[bytes, bytes] = {}
    headers: list[Field] = []
    for field in fields:
        name, value = field
        if name[:1] == b":":
            if headers:
                raise ValueError("a pseudo-header stands behind a header")
            if name not in _PSEUDO or name in pseudo:
                raise ValueError("a pseudo-header is unknown or comes twice")
            _check_value(value)
            pseudo[name] = value
        else:
            _check(name, value)
            headers.append(field)
    method, path, scheme = pseudo.get(b":method"), pseudo.get(b":path"), pseudo.get(b":scheme")
    if not method or not path or not scheme:
        raise ValueError("a request needs :method, :scheme and :path")
    return Http2Head(method, path, headers, scheme, pseudo.get(b":authority", b""))


def check_trailers(fields: list[Field]) -> None:
    """Raises ValueError for fields that are not allowed behind a body."""
    for name, value in fields:
        _check(name, value)


def _check(name: bytes, value: bytes) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError("a header's name must be a lower-case token")
    if name in _OF_CONNECTIONS or (name == b"te" and value != b"trailers"):
        raise ValueError("a header of HTTP/1.1 connections has no place in HTTP/2")
    _check_value(value)


def _check_value(value: bytes) -> None:
    if _NO_VALUE.search(value):
        raise ValueError("a header's value has a character that is not allowed")


def _repeated(headers: list[Field]) -> frozenset[bytes]:
    seen: set[bytes] = set()
    twice: set[bytes] = set()
    for name, _ in headers:
        (twice if name in seen else seen).add(name)
    return frozenset(twice)


def _length(value: bytes | None, repeated: bool) -> int | None:
    if value is None:
        return None
    if repeated or not value.isdigit() or len(value) > 18:
        raise ValueError("content-length must be one number")
    return int(value)
