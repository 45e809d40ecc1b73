"""A client's socket of memory, and a server context for the connections on it: what is answered is remembered."""

import asyncio
from typing import Any, NamedTuple, cast

from bms.core.errors import BmsError, InvalidArgument
from bms.web.inference.http.answers import JSON, plain_error
from bms.web.inference.http.heads import Heads
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import HttpRequest


class Seen(NamedTuple):
    """One request as a handler got it; `fields` in lower case."""

    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes
    id: bytes


class Socket(asyncio.Transport):
    """Where answers go. Says itself who gets what is read."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.protocol, self.sent, self.closed = protocol, bytearray(), False

    def give(self, data: bytes) -> None:
        """As the loop does: also to a protocol that lends its own buffer."""
        while data and not self.closed:
            protocol = self.protocol
            if isinstance(protocol, asyncio.BufferedProtocol):
                buffer = memoryview(protocol.get_buffer(len(data)))  # type: ignore[arg-type]
                size = min(len(buffer), len(data))
                buffer[:size] = data[:size]
                protocol.buffer_updated(size)
                data = data[size:]
            else:
                cast("asyncio.Protocol", protocol).data_received(data)
                return

    def write(self, data: Any) -> None:
        self.sent += data

    def writelines(self, parts: Any) -> None:
        self.sent += b"".join(parts)

    def close(self) -> None:
        self.closed = True

    abort = write_eof = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, 1 << 16


class Recorder:
    """A handler that remembers each whole request, and answers it at once."""

    def __init__(self, host: "MemoryHost", whole_body: bool) -> None:
        self._host = host
        self.whole_body = whole_body

    def start(self, request: HttpRequest) -> None:
        if request.complete:
            self.end(request)

    def body(self, request: HttpRequest, chunk: bytes | memoryview) -> None:
        request.chunks.append(chunk)

    def end(self, request: HttpRequest) -> None:
        head = request.head
        self._host.seen.append(Seen(head.method, head.target, head.headers, bytes(request.body()), request.id))
        request.connection.respond(request, 200, JSON, b"{}")

    def cancel(self, request: HttpRequest) -> None: ...

    def writable(self, request: HttpRequest, yes: bool) -> None: ...


class MemoryHost:
    """The server context of connections without sockets. Inference wants whole bodies, all else streams."""

    def __init__(self, heads: Heads) -> None:
        self.limits = HttpLimits()
        self.connections: set[Any] = set()
        self.heads = heads
        self.date = b"date: now\r\n"
        self.draining = False
        self.seen: list[Seen] = []
        self._door, self._stream = Recorder(self, True), Recorder(self, False)

    def now(self) -> float:
        return 0.0

    def fresh_id(self) -> bytes:
        return b"id"

    def open(self, request: HttpRequest) -> None:
        if request.target == b"/refused":
            raise InvalidArgument("refused, as asked")
        inference = request.method == b"POST" and request.target.startswith(b"/v2/")
        request.head.handler = request.handler = self._door if inference else self._stream

    def reopen(self, request: HttpRequest) -> None:
        self.open(request)
        request.head.handler = request.handler = self._door

    def remembers(self, request: HttpRequest) -> bool:
        return request.handler is self._door and request.refusal is None

    def error_body(self, request: HttpRequest, error: BmsError) -> tuple[bytes, bytes]:
        return JSON, plain_error(error)

    def refused(self, request: HttpRequest, error: BmsError) -> None: ...
