"""A steady load from keep-alive connections, in a thread of its own, that writes down every answer it gets."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import msgspec

PATIENCE_S = 30.0


class Answer(NamedTuple):
    """One request's outcome; times are monotonic seconds. `status` 0: no answer came, `words` says why."""

    connection: int
    sent: float
    received: float
    status: int
    version: int | None
    label: int | None
    words: str

    @property
    def failed(self) -> bool:
        return self.status != 200


class Load:
    """`connections` clients that ask together `per_second` times, each one request at a time, until the end.

    `path` is an OIP v2 infer path, `body` its JSON; a client that falls behind asks again at once.
    """

    def __init__(
        self, url: str, key: str, path: str, body: bytes, *, connections: int = 6, per_second: float = 150.0
    ) -> None:
        where = urlsplit(url)
        assert where.hostname is not None
        self._address = (where.hostname, where.port)
        head = f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._request = head.encode() + body
        self.connections = connections
        self._gap = connections / per_second
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")
        self.answers: list[Answer] = []
        self.reconnections = 0

    @property
    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.failed]

    def percentile(self, share: float) -> float:
        """Seconds within which `share` (0 to 1) of the answers came."""
        taken = sorted(answer.received - answer.sent for answer in self.answers)
        return taken[min(len(taken) - 1, int(share * len(taken)))]

    def wait(self, enough: Callable[[Sequence[Answer]], bool], since: float = 0.0) -> None:
        """Returns when `enough` holds of the answers to requests sent after `since`; fails when it never does."""
        end = time.monotonic() + PATIENCE_S
        while not enough([answer for answer in self.answers[-5000:] if answer.sent > since]):
            assert time.monotonic() < end, f"the load never saw it; its last answers: {self.answers[-3:]}"
            assert self._thread.is_alive(), "the load has ended"
            time.sleep(0.005)

    def wait_more(self, count: int) -> None:
        """Returns when `count` requests that were sent from now on are answered, well or not."""
        self.wait(lambda answers: len(answers) >= count, time.monotonic())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self.connections)))

    async def _client(self, number: int) -> None:
        await asyncio.sleep(number * self._gap / self.connections)
        due = time.monotonic()
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self._stopping.is_set():
            sent = time.monotonic()
            try:
                if streams is None:
                    streams = await asyncio.open_connection(*self._address)
                streams[1].write(self._request)
                status, keep, body = await asyncio.wait_for(_answer(streams[0]), PATIENCE_S)
            except (OSError, EOFError, TimeoutError) as error:
                self._note(number, sent, 0, f"{type(error).__name__}: {error}")
                keep = False
            else:
                self._note(number, sent, status, body)
            if not keep and streams is not None:
                streams[1].close()
                streams = None
                self.reconnections += 1
            due = max(due + self._gap, time.monotonic() - self._gap)
            await asyncio.sleep(due - time.monotonic())
        if streams is not None:
            streams[1].close()

    def _note(self, number: int, sent: float, status: int, body: str | bytes) -> None:
        version = label = None
        words = body if isinstance(body, str) else body[:300].decode()
        if status == 200:
            told = msgspec.json.decode(body)
            version = int(told["model_version"])
            label = next((int(one["data"][0]) for one in told["outputs"] if one["name"] == "label"), None)
            words = ""
        self.answers.append(Answer(number, sent, time.monotonic(), status, version, label, words))


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool, bytes]:
    """Status, whether the connection stays, and the body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    lines = head.split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines[1:] if line)
    body = await reader.readexactly(int(fields[b"content-length"]))
    return int(lines[0].split()[1]), fields.get(b"connection") != b"close", body
