"""A plain client of HTTP/2 for tests, on a real socket: it says just what it is told to, and keeps what it hears."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import hpack as hyper

from bms.web.inference.http2 import frames
from bms.web.inference.http2.frames import PREFACE, frame

Fields = Iterable[tuple[str, str]]
_MOST = frames.MAX_WINDOW


@dataclass
class Heard:
    """What came on one stream: each block of headers, the body, and how it ended."""

    heads: list[list[tuple[str, str]]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    pieces: int = 0
    ended: bool = False
    reset: int | None = None  # the code

    @property
    def status(self) -> int:
        return int(dict(self.heads[-1])[":status"])

    @property
    def headers(self) -> dict[str, str]:
        """Of the last block, the last of each name."""
        return {name: value for name, value in self.heads[-1] if name[:1] != ":"}


class Http2Client:
    """`window` is what each stream may send us before `widen`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, window: int) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = hyper.Encoder()
        self._decoder = hyper.Decoder()
        self._next = 1
        self.window = window
        self.streams: dict[int, Heard] = {}
        self.credit: dict[int, int] = {0: frames.FIRST_WINDOW}  # what we may send
        self.first = frames.FIRST_WINDOW
        self.goaway: int | None = None  # the code
        self.changed = asyncio.Condition()
        self.task = asyncio.create_task(self._read())
        writer.write(PREFACE + frames.settings({4: window}) + frames.window_update(0, _MOST - frames.FIRST_WINDOW))
        writer.write(frame(frames.SETTINGS, frames.ACK, 0))

    async def open(self, method: str, path: str, headers: Fields = (), *, ends: bool = False, raw: bool = False) -> int:
        """The new stream's number. `raw`: `headers` are all, those of the request itself too."""
        own = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "gateway:80")]
        return self.open_block(self._encoder.encode([*([] if raw else own), *headers], huffman=False), ends=ends)

    def open_block(self, block: bytes, *, ends: bool = False) -> int:
        stream, self._next = self._next, self._next + 2
        self.streams[stream] = Heard()
        self.credit[stream] = self.first
        flags = frames.END_HEADERS | (frames.END_STREAM if ends else 0)
        self._writer.write(frame(frames.HEADERS, flags, stream, block))
        return stream

    def say(self, *data: bytes) -> None:
        self._writer.write(b"".join(data))

    async def send(self, stream: int, body: bytes, *, ends: bool = True, size: int = 16_384) -> None:
        """The body in frames of `size`, as the gateway's windows allow; no more once the stream has ended."""
        for at in range(0, len(body), size):
            piece = body[at : at + size]
            await self.until(
                lambda piece=piece: (
                    self.streams[stream].ended  # type: ignore[misc]
                    or self.streams[stream].reset is not None
                    or min(self.credit[0], self.credit[stream]) >= len(piece)
                )
            )
            if self.streams[stream].ended or self.streams[stream].reset is not None:
                return
            self.credit[0] -= len(piece)
            self.credit[stream] -= len(piece)
            last = ends and at + size >= len(body)
            self._writer.write(frame(frames.DATA, frames.END_STREAM if last else 0, stream, piece))
        if ends and not body:
            self._writer.write(frame(frames.DATA, frames.END_STREAM, stream))

    async def ask(self, method: str, path: str, headers: Fields = (), body: bytes | None = None) -> Heard:
        stream = await self.open(method, path, headers, ends=body is None)
        if body is not None:
            await self.send(stream, body)
        return await self.whole(stream)

    async def whole(self, stream: int, timeout_s: float = 20.0) -> Heard:
        heard = self.streams[stream]
        await self.until(lambda: heard.ended or heard.reset is not None or self.goaway not in (None, 0), timeout_s)
        return heard

    def widen(self, stream: int, octets: int) -> None:
        self._writer.write(frames.window_update(stream, octets))

    def cancel(self, stream: int) -> None:
        self._writer.write(frames.reset(stream, 8))

    async def until(self, true: object, timeout_s: float = 20.0) -> None:
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(true)  # type: ignore[arg-type]

    async def _read(self) -> None:
        data = b""
        try:
            while more := await self._reader.read(1 << 18):
                data += more
                at = 0
                async with self.changed:
                    while len(data) - at >= 9:
                        size = int.from_bytes(data[at : at + 3], "big")
                        if len(data) - at < 9 + size:
                            break
                        kind, flags, stream = struct.unpack_from(">BBI", data, at + 3)
                        self._take(kind, flags, stream, data[at + 9 : at + 9 + size])
                        at += 9 + size
                    self.changed.notify_all()
                data = data[at:]
        except ConnectionError:
            pass
        async with self.changed:
            self.goaway = -1 if self.goaway is None else self.goaway
            self.changed.notify_all()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        heard = self.streams.get(stream, Heard())
        if kind == frames.HEADERS:
            assert flags & frames.END_HEADERS
            heard.heads.append(self._decoder.decode(payload))
        elif kind == frames.DATA:
            heard.body += payload
            heard.pieces += 1
        elif kind == frames.RST_STREAM:
            heard.reset = struct.unpack(">I", payload)[0]
        elif kind == frames.GOAWAY:
            self.goaway = struct.unpack_from(">I", payload, 4)[0]
        elif kind == frames.WINDOW_UPDATE:
            self.credit[stream] = self.credit.get(stream, 0) + struct.unpack(">I", payload)[0]
        elif kind == frames.SETTINGS and not flags & frames.ACK:
            for identifier, value in frames.read_settings(payload):
                if identifier == 4:
                    for each in self.credit.keys() - {0}:
                        self.credit[each] += value - self.first
                    self.first = value
        elif kind == frames.PING and not flags & frames.ACK:
            self._writer.write(frame(frames.PING, frames.ACK, 0, payload))
        if kind in (frames.HEADERS, frames.DATA) and flags & frames.END_STREAM:
            heard.ended = True


@asynccontextmanager
async def http2_client(address: tuple[str, int], window: int = 1 << 24) -> AsyncIterator[Http2Client]:
    reader, writer = await asyncio.open_connection(*address)
    client = Http2Client(reader, writer, window)
    try:
        yield client
    finally:
        client.task.cancel()
        writer.close()
