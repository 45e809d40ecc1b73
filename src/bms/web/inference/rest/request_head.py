"""Converts the head of an HTTP/2 request for handlers and control: it must have exactly one meaning.

Control gets it over HTTP/1.1. What could be read there as another request, or as two, is refused here (RFC 9113,
section 10.3).
"""

import re

from bms.core.errors import InvalidArgument
from bms.web.inference.http.framing import Header, HeaderTooLarge, check_method, refuse_repeated
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import RequestHead, request_id
from bms.web.inference.http2.head import Http2Head as StreamHead

_TARGET = re.compile(rb"/[!-~]*|\*")
_AUTHORITY = re.compile(rb"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]+")  # RFC 3986, 3.2, without userinfo
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_SCHEMES = (b"http", b"https")


def request_head(head: StreamHead, ended: bool) -> RequestHead:
    """Converts a head; `ended` says that no body follows. It is not checked yet: `check_head` does that."""
    host = head.authority or head.fields.get(b"host", b"")
    headers: list[Header] = [(b"host", host)] if host else []
    crumbs = []
    for header in head.headers:
        if header[0] == b"cookie":
            crumbs.append(header[1])  # RFC 9113, section 8.2.3: they may come one by one
        elif header[0] != b"host":
            headers.append(header)
    if crumbs:
        headers.append((b"cookie", b"; ".join(crumbs)))
    read = RequestHead(head.method, head.path, "2", headers)
    read.length = 0 if ended else head.length
    read.request_id = request_id(read.fields.get(b"x-request-id"))
    return read


def check_head(head: StreamHead, read: RequestHead, limits: HttpLimits) -> None:
    """Raises for a head that is ambiguous, too large or not served, and notes whether the client waits for 100
    Continue."""
    if len(read.fields) != len(read.headers):
        refuse_repeated(read.headers)
    if len(read.target) > limits.target_bytes:
        raise HeaderTooLarge(f"the head is too large: {limits.target_bytes} bytes of target are taken")
    check_method(read.method)
    if not _TARGET.fullmatch(read.target):
        raise InvalidArgument("the request's target must be a path of printable ASCII: write other bytes as %XX")
    if head.scheme not in _SCHEMES:
        raise InvalidArgument("the request's scheme must be http or https")
    _check_host(head, read)
    for name, value in read.headers:
        if _CONTROLS.search(value):
            raise InvalidArgument(f"the header {name[:80].decode()!r} holds a control character")
    expected = read.fields.get(b"expect")
    if expected is not None:
        if expected.lower() != b"100-continue":
            raise InvalidArgument("the only expectation understood is 100-continue")
        read.expects = read.length != 0


def _check_host(head: StreamHead, read: RequestHead) -> None:
    host = read.fields.get(b"host", b"")
    if not _AUTHORITY.fullmatch(host):
        raise InvalidArgument("an HTTP/2 request needs an :authority, host and port")
    if head.fields.get(b"host", host) != host or b"host" in head.repeated:
        raise InvalidArgument("the Host header says another host than :authority")
