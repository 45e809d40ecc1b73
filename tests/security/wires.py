"""Raw bytes to a port and back: what HTTP libraries would never send, and how the answer looks on the wire."""

import re
import socket
import time
from typing import NamedTuple

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
PATIENCE_S = 10.0


class Heard(NamedTuple):
    """All that came, whether the server ended the connection, and the seconds until the last byte."""

    data: bytes
    closed: bool
    seconds: float

    @property
    def statuses(self) -> list[int]:
        """Of the answers, in order; bodies of ours hold no status lines."""
        return [int(code) for code in _STATUS.findall(self.data)]


def say(port: int, data: bytes, *, half_close: bool = False, quiet_s: float = 0.5) -> Heard:
    """Sends everything, then listens until the server ends the connection or says nothing for `quiet_s` after its
    first word (for PATIENCE_S before it)."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        began = time.monotonic()
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it had its answer ready before we were done; it is read below
        return listen(connection, quiet_s, began)


def listen(connection: socket.socket, quiet_s: float, began: float) -> Heard:
    parts, last = [], began
    while True:
        connection.settimeout(quiet_s if parts else PATIENCE_S)
        try:
            data = connection.recv(1 << 16)
        except TimeoutError:
            return Heard(b"".join(parts), False, last - began)
        except ConnectionResetError:
            return Heard(b"".join(parts), True, last - began)
        last = time.monotonic()
        if not data:
            return Heard(b"".join(parts), True, last - began)
        parts.append(data)


def request(
    method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"", *, close: bool = True
) -> bytes:
    lines = {"Host": "x", **(headers or {})}
    if body or method in ("POST", "PUT"):
        lines.setdefault("Content-Length", str(len(body)))
    if close:
        lines["Connection"] = "close"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body
