"""Checks the head of an HTTP/1 request before anything acts on it: it must have exactly one meaning (RFC 9112)."""

from typing import Protocol

from bms.core.errors import BmsError, InvalidArgument, MethodNotAllowed, PayloadTooLarge
from bms.web.inference.http.limits import HttpLimits

Header = tuple[bytes, bytes]
_SINGLE = (
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"content-type",
    b"content-encoding",
    b"authorization",
    b"x-api-key",
    b"inference-header-content-length",
    b"x-request-timeout",
    b"expect",
)
SERVED = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"  # methods, somewhere
# TRACE goes as far as the path, which says what it has instead.
_METHODS = frozenset(method.encode() for method in (*SERVED.split(", "), "TRACE"))


class HeaderTooLarge(BmsError):
    """Raised with 431: the head is larger than a stated limit."""

    code, http_status, grpc_status = "RESOURCE_EXHAUSTED", 431, 8


class Framed(Protocol):
    """The parts of a request that determine its framing: `length` None means chunks, `expects` that the client waits
    for 100 Continue."""

    method: bytes
    version: str
    headers: list[Header]  # with lower-case names, as they came
    fields: dict[bytes, bytes]  # the last of each name
    length: int | None
    expects: bool


def frame(request: Framed, limits: HttpLimits) -> None:
    """Determines how the body is delimited. Raises for what is ambiguous."""
    fields = request.fields
    if len(fields) != len(request.headers):
        refuse_repeated(request.headers)
    if len(fields) > limits.header_count or len(request.headers) > limits.header_count:
        raise HeaderTooLarge(f"{len(request.headers)} headers; at most {limits.header_count} are taken")
    if request.version not in ("1.1", "1.0"):
        raise InvalidArgument(f"HTTP/{request.version} is not spoken here in this form: use HTTP/1.1, or HTTP/2")
    if b"host" not in fields and request.version != "1.0":
        raise InvalidArgument("an HTTP/1.1 request needs a Host header")
    check_method(request.method)
    if b"transfer-encoding" in fields:
        if b"content-length" in fields:
            raise InvalidArgument("Content-Length and Transfer-Encoding exclude each other")
        if request.version != "1.1" or fields[b"transfer-encoding"].strip().lower() != b"chunked":
            raise InvalidArgument("the only transfer encoding understood is 'chunked', in HTTP/1.1")
        request.length = None
    elif b"content-length" in fields:
        length = fields[b"content-length"]
        if not length.isdigit() or len(length) > 18:
            raise InvalidArgument("Content-Length must be a number of bytes")
        request.length = int(length)
    if b"expect" in fields:
        if fields[b"expect"].lower() != b"100-continue":
            raise InvalidArgument("the only expectation understood is 100-continue")
        request.expects = request.version == "1.1" and request.length != 0


def check_method(method: bytes) -> None:
    """Raises MethodNotAllowed for a method that no path has."""
    if method not in _METHODS:
        more = ": this is no proxy" if method == b"CONNECT" else f": use one of {SERVED}"
        raise MethodNotAllowed(f"{method[:32].decode('latin-1')} is not served{more}", SERVED)


def refuse_repeated(headers: list[Header]) -> None:
    """Raises InvalidArgument where a header that must be unique is repeated."""
    names = [name for name, _ in headers]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise InvalidArgument(f"the header {name.decode()!r} is given more than once")


def check_body_size(size: int, limits: HttpLimits) -> None:
    """Raises PayloadTooLarge for an inference body over the limit."""
    if size > limits.body_bytes:
        raise PayloadTooLarge(f"the body is larger than {limits.body_bytes} bytes: send fewer rows, or binary tensors")
