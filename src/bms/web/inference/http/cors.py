"""Cross-origin requests of browsers (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).

Only pages of origins that the operator allows may read answers. Keys travel in headers that a page sets itself, never
as cookies, so answers don't say that credentials are allowed.
"""

import re
from collections.abc import Iterable

from bms.core.errors import InvalidArgument
from bms.web.inference.http.request import HttpRequest, RequestHead
from bms.web.inference.http.whole_body import WholeBodyHandler

ANY = "*"
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+", re.IGNORECASE)
_HEADER_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~,\- \t]{1,1024}")
_EXPOSED = (
    b"access-control-expose-headers: etag, inference-header-content-length, location, retry-after, warning, "
    b"x-request-id\r\n"
)
_METHODS = b"access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
_REMEMBERED = b"access-control-max-age: 600\r\n"  # seconds, so that a changed setting is noticed soon


def check_origin(text: str) -> str:
    """Returns an origin as browsers write it, `https://app.example` or `http://localhost:5173`, or `*` for all.

    Raises InvalidArgument.
    """
    if text != ANY and not _ORIGIN.fullmatch(text):
        raise InvalidArgument(
            f"{text[:80]!r} is no origin: write scheme, host and, where it is not the usual one, port, as in "
            "https://app.example or http://localhost:5173; or * for pages from anywhere"
        )
    return text.lower()


class Cors:
    """The CORS policy. `origins` are those whose pages may read answers, in lower case; with `*` all may."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._any = ANY.encode() in self._origins

    def __bool__(self) -> bool:
        return bool(self._origins)

    def lines(self, head: RequestHead) -> bytes:
        """Returns the header lines that every answer to such a request has; empty for pages that may read none, and for
        requests without an origin."""
        origin = head.fields.get(b"origin")
        if origin is None or not (self._any or origin.lower() in self._origins):
            return b""
        if self._any:
            return b"access-control-allow-origin: *\r\n" + _EXPOSED
        return b"access-control-allow-origin: %b\r\nvary: origin\r\n%b" % (origin, _EXPOSED)

    def is_preflight(self, head: RequestHead) -> bool:
        """Whether a request is a preflight: the browser asks what a page's request may send."""
        return head.method == b"OPTIONS" and b"access-control-request-method" in head.fields


class Preflight(WholeBodyHandler):
    """The handler of preflight requests; it asks for no key, since browsers send none with them."""

    def start(self, request: HttpRequest) -> None:
        wanted = request.fields.get(b"access-control-request-headers", b"")
        allowed = b"access-control-allow-headers: %b\r\n" % wanted if _HEADER_NAMES.fullmatch(wanted) else b""
        request.connection.respond(request, 200, b"text/plain", b"", _METHODS + allowed + _REMEMBERED)
