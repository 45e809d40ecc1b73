"""Many connections to one port, side by side: what came back to each, and how soon."""

import select
import socket
import struct
import time
from dataclasses import dataclass, field
from random import Random

_SILENCE_S = 0.05  # what is incomplete gets no answer
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER


@dataclass
class Said:
    """`first_s` and `last_s` are seconds from the last byte that was sent; None where nothing came."""

    data: bytes = b""
    closed: bool = False
    left: bool = False  # by us, without listening
    first_s: float | None = None
    last_s: float | None = None
    sent_at: float = field(default=0.0, repr=False)


def exchange(port: int, requests: list[bytes], random: Random | None, silence_s: float = _SILENCE_S) -> list[Said]:
    """Everything is sent at once, or, with `random`, some of it in pieces, slowly, and given up half way."""
    connections = [socket.create_connection(("127.0.0.1", port), 5) for _ in requests]
    said = {connection: Said() for connection in connections}
    try:
        for connection, data in zip(connections, requests, strict=True):
            _begin(connection, data, said[connection], random)
        _listen(said, silence_s)
    finally:
        for connection in connections:
            connection.close()
    return list(said.values())


def _begin(connection: socket.socket, data: bytes, said: Said, random: Random | None) -> None:
    way = random.random() if random else 1.0
    try:
        if random is None or way >= 0.4:
            connection.sendall(data)
        elif way < 0.1:  # gone in the middle, politely or not
            connection.sendall(data[: random.randrange(len(data) + 1)])
            if random.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()
            said.left = True
        else:
            pieces = 1 + random.randrange(6) if way < 0.2 else 1
            places = sorted(random.randrange(len(data) + 1) for _ in range(pieces))
            for start, end in zip([0, *places], [*places, len(data)], strict=True):
                connection.sendall(data[start:end])
                if pieces > 1:
                    time.sleep(0.002)
    except ConnectionError:
        pass  # refused before its end: what it was told is heard below
    said.sent_at = time.monotonic()


def _listen(said: dict[socket.socket, Said], silence_s: float) -> None:
    waiting = {connection for connection, each in said.items() if not each.left}
    while waiting and (ready := select.select(list(waiting), [], [], silence_s)[0]):
        now = time.monotonic()
        for connection in ready:
            each = said[connection]
            try:
                piece = connection.recv(1 << 16)
            except ConnectionError:
                piece = b""
            if not piece:
                each.closed = True
                waiting.remove(connection)
                continue
            each.data += piece
            each.last_s = now - each.sent_at
            each.first_s = each.last_s if each.first_s is None else each.first_s
