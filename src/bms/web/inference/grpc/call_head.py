"""The head of a gRPC call, parsed once for all calls that come with the same head."""

import re

from bms.core.errors import BmsError, InvalidArgument, Unimplemented
from bms.web.inference.grpc.status import ENCODINGS
from bms.web.inference.http.request import request_id
from bms.web.inference.http2.head import Http2Head

_GRPC = b"application/grpc"
_CONTENT_TYPE = re.compile(rb"application/grpc(\+proto)?([; ].*)?", re.IGNORECASE)
_TIMEOUT = re.compile(rb"(\d{1,8})([HMSmun])")
_SECONDS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_ONCE = frozenset((b"authorization", b"x-api-key", b"content-type", b"grpc-timeout", b"grpc-encoding", b"x-request-id"))


class CallHead:
    """A parsed head. `status` is an HTTP status for what is no gRPC call, else 200. `error` is what to answer at once.
    `known` says whether there is a method at the head's path."""

    __slots__ = ("api_key", "authorization", "encoding", "error", "memory", "request_id", "status", "timeout_s")

    def __init__(self, head: Http2Head, known: bool) -> None:
        fields = head.fields
        self.authorization = fields.get(b"authorization")
        self.api_key = fields.get(b"x-api-key")
        self.request_id = request_id(fields.get(b"x-request-id"))
        self.encoding: bytes | None = None  # of messages that say they are compressed
        self.timeout_s: float | None = None
        self.memory: object = None  # what a method found out about such heads
        self.error: BmsError | None = None
        self.status = 200
        if head.method != b"POST":
            self.status = 405
        elif not _CONTENT_TYPE.fullmatch(fields.get(b"content-type", b"")):
            self.status = 415
        else:
            try:
                self._read(head, known)
            except BmsError as error:
                self.error = error

    def _read(self, head: Http2Head, known: bool) -> None:
        twice = head.repeated & _ONCE
        if twice:
            raise InvalidArgument(f"{min(twice).decode()} comes more than once: send it once")
        if not known:
            raise Unimplemented(f"no method {head.path[:200].decode('latin-1')!r} here: ask server reflection for all")
        timeout = head.fields.get(b"grpc-timeout")
        if timeout is not None:
            self.timeout_s = read_timeout(timeout)
        encoding = head.fields.get(b"grpc-encoding", b"identity").lower()
        if encoding not in ENCODINGS.split(b","):
            shown = encoding[:40].decode("latin-1")
            raise Unimplemented(f"messages compressed as {shown!r} are not read: use one of {ENCODINGS.decode()}")
        self.encoding = None if encoding == b"identity" else encoding


def speaks_grpc(head: Http2Head) -> bool:
    """Whether a request is meant for gRPC, right or wrong. gRPC-Web is another protocol."""
    said = head.fields.get(b"content-type", b"")[:20].lower()
    return said.startswith(_GRPC) and not said.startswith(_GRPC + b"-web")


def read_timeout(value: bytes) -> float:
    """Parses a grpc-timeout into seconds. Raises InvalidArgument."""
    found = _TIMEOUT.fullmatch(value)
    if found is None:
        raise InvalidArgument("grpc-timeout must be up to 8 digits and one of H, M, S, m, u, n")
    return int(found[1]) * _SECONDS[found[2]]
