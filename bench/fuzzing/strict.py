"""HTTP/1.1 messages as RFC 9112 has them, read in the plainest way: what may be believed of a stream of bytes.

It shares nothing with the server's own reading, which must never believe more. Of what the RFC leaves to the recipient
it allows: empty lines before a request (2.2), several spaces where one is due (3). And what frames a message in the
same way is taken for HTTP, where it calls itself RTSP and has one of HTTP's methods.
"""

import re
from typing import Literal, NamedTuple

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) +([\x21-\x7e]+) +(?:HTTP|RTSP)/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)(?:;[\t\x20-\x7e\x80-\xff]*)?")
_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE")
_ONCE = (b"host", b"content-length", b"transfer-encoding")
End = Literal["more", "refuse", "over"]


class Read(NamedTuple):
    """One request that means one thing."""

    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes


class _Refused(Exception):
    """It has no meaning, or two."""


class _More(Exception):
    """It is not whole."""


def read(data: bytes) -> tuple[list[Read], End]:
    """Whole requests in order, and why they end: there may be more, there is what must be refused, or the connection
    is over."""
    found: list[Read] = []
    at = 0
    while True:
        while data[at : at + 1] in (b"\r", b"\n") and at < len(data):
            at += 1
        try:
            request, at, goes_on = _request(data, at)
        except _More:
            return found, "more"
        except _Refused:
            return found, "refuse"
        found.append(request)
        if not goes_on:
            return found, "over"


def _request(data: bytes, at: int) -> tuple[Read, int, bool]:
    line, at = _line(data, at)
    start = _LINE.fullmatch(line)
    if start is None:
        raise _Refused
    method, target, minor = start.groups()
    fields, at = _fields(data, at)
    names = [name for name, _ in fields]
    if (
        any(names.count(name) > 1 for name in _ONCE)
        or (minor == b"1" and b"host" not in names)
        or method not in _METHODS
    ):
        raise _Refused
    last = dict(fields)
    body, at = _body(data, at, last, minor)
    options = [option.strip().lower() for option in last.get(b"connection", b"").split(b",")]
    upgrades = b"upgrade" in last and b"upgrade" in options  # answered as HTTP/1.1, and the connection's last
    goes_on = b"close" not in options and (minor == b"1" or b"keep-alive" in options) and not upgrades
    return Read(method, target, fields, body), at, goes_on


def _body(data: bytes, at: int, fields: dict[bytes, bytes], minor: bytes) -> tuple[bytes, int]:
    length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if coding is not None:
        if length is not None or minor != b"1" or coding.lower() != b"chunked":
            raise _Refused
        return _chunks(data, at)
    if length is None:
        return b"", at
    if not re.fullmatch(rb"[0-9]{1,18}", length):
        raise _Refused
    end = at + int(length)
    if end > len(data):
        raise _More
    return data[at:end], end


def _chunks(data: bytes, at: int) -> tuple[bytes, int]:
    parts = []
    while True:
        line, at = _line(data, at)
        size = _CHUNK.fullmatch(line)
        if size is None:
            raise _Refused
        length = int(size[1], 16)
        if length >= 1 << 63:
            raise _Refused
        end = at + length
        if not length:
            _, at = _fields(data, at)  # trailers
            return b"".join(parts), at
        if end + 2 > len(data):
            raise _More
        if data[end : end + 2] != b"\r\n":
            raise _Refused
        parts.append(data[at:end])
        at = end + 2


def _fields(data: bytes, at: int) -> tuple[list[tuple[bytes, bytes]], int]:
    fields = []
    while True:
        line, at = _line(data, at)
        if not line:
            return fields, at
        field = _FIELD.fullmatch(line)
        if field is None:
            raise _Refused
        fields.append((field[1].lower(), field[2]))


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """Up to CRLF; a CR or LF that stands alone refuses it all."""
    end = data.find(b"\r\n", at)
    line = data[at:] if end < 0 else data[at:end]
    if b"\n" in line or b"\r" in (line[:-1] if end < 0 else line):
        raise _Refused
    if end < 0:
        raise _More
    return line, end + 2
