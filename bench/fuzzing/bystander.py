"""A client that means well while others don't: it must be answered in time, and each answer billed exactly once."""

import socket
import threading
import time
from typing import Self

from measuring.requests import oip_json

_EVERY_S = 0.05
_PATIENCE_S = 5.0


class Bystander:
    """Asks in a thread of its own, one request every now and then, each with an id of its own."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answered: list[str] = []
        self.slowest_s = 0.0
        self.wrong: str | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        target = oip_json(self._port, self._key)
        head = f"POST {target.path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {self._key}\r\n"
        while not self._over.wait(_EVERY_S):
            id = f"bystander-{len(self.answered)}"
            lines = f"x-request-id: {id}\r\ncontent-length: {len(target.body)}\r\n\r\n"
            began = time.monotonic()
            try:
                with socket.create_connection(("127.0.0.1", self._port), _PATIENCE_S) as connection:
                    connection.settimeout(_PATIENCE_S)
                    connection.sendall((head + lines).encode() + target.body)
                    answer = connection.recv(1 << 16)
            except OSError as error:
                answer = str(error).encode()
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            if not answer.startswith(b"HTTP/1.1 200 ") or f"x-request-id: {id}\r\n".encode() not in answer:
                self.wrong = f"{id}, which meant well, heard {answer[:300]!r}"
                return
            self.answered.append(id)
