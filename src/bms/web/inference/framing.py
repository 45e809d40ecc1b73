"""What the head of an HTTP/1 request must be before anything acts on it: one meaning, or refused (RFC 9112)."""

from typing import NamedTuple

from bms.core.errors import BmsError, InvalidArgument, PayloadTooLarge, Unimplemented
from bms.web.inference.limits import HttpLimits

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


class HeaderTooLarge(BmsError):
    """431: the head is larger than a stated limit."""

    code, http_status, grpc_status = "RESOURCE_EXHAUSTED", 431, 8


class Frame(NamedTuple):
    """How the body is delimited: by `length`, by chunks, or (0 and not chunked) there is none."""

    length: int | None
    chunked: bool
    expects: bool


def read_frame(
    method: bytes, version: str, headers: list[Header], fields: dict[bytes, bytes], limits: HttpLimits
) -> Frame:
    """`headers` with lower-case names as they came, `fields` the last of each. Raises for what is ambiguous."""
    if len(headers) > limits.header_count:
        raise HeaderTooLarge(f"{len(headers)} headers; at most {limits.header_count} are taken")
    if len(fields) != len(headers):
        names = [name for name, _ in headers]
        for name in _SINGLE:
            if names.count(name) > 1:
                raise InvalidArgument(f"the header {name.decode()!r} is given more than once")
    if version == "1.1" and b"host" not in fields:
        raise InvalidArgument("an HTTP/1.1 request needs a Host header")
    if method == b"CONNECT":
        raise Unimplemented("this is no proxy: CONNECT is not served")
    encoding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    expects = False
    expect = fields.get(b"expect")
    if expect is not None:
        if expect.lower() != b"100-continue":
            raise InvalidArgument("the only expectation understood is 100-continue")
        expects = version == "1.1"
    if encoding is not None:
        if length is not None:
            raise InvalidArgument("Content-Length and Transfer-Encoding exclude each other")
        if version != "1.1" or encoding.strip().lower() != b"chunked":
            raise InvalidArgument("the only transfer encoding understood is 'chunked', in HTTP/1.1")
        return Frame(None, True, expects)
    if length is None:
        return Frame(0, False, False)
    if not length.isdigit() or len(length) > 18:
        raise InvalidArgument("Content-Length must be a number of bytes")
    return Frame(int(length), False, expects)


def check_body_size(size: int, limits: HttpLimits) -> None:
    """Raises PayloadTooLarge for an inference body over the limit."""
    if size > limits.body_bytes:
        raise PayloadTooLarge(f"the body is larger than {limits.body_bytes} bytes: send fewer rows, or binary tensors")
