"""The least that a Python gateway with a hop can do: `prototype_gateway.py PORT SOCKET`.

uvloop and httptools; msgspec reads the Open Inference Protocol's JSON, orjson writes it. Every row goes to the model
process over a Unix socket, all rows of one turn of the loop in one write. A frame is its length and id (u32 each,
little-endian) and FP32 numbers; an answer's are the label (i64) and the probabilities. No key, no limits, no metering,
no routing, no metrics, no checks: what a platform adds is measured against this.
"""

import asyncio
import struct
import sys
from typing import Any

import httptools
import msgspec
import numpy as np
import orjson
import uvloop

HEAD = struct.Struct("<II")
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


class Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(msgspec.Struct):
    inputs: list[Input]
    id: str = ""


decode = msgspec.json.Decoder(Request).decode


class Link(asyncio.Protocol):
    """The connection to the model process."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._askers: dict[int, Connection] = {}
        self._last = 0
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self, asker: "Connection", row: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._last = (self._last + 1) & 0xFFFFFFFF
        self._askers[self._last] = asker
        self._out += (HEAD.pack(len(row), self._last), row)

    def _flush(self) -> None:
        self._transport.write(b"".join(self._out))
        self._out.clear()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        at = 0
        while len(data) - at >= HEAD.size:
            size, id = HEAD.unpack_from(data, at)
            if len(data) - at - HEAD.size < size:
                break
            at += HEAD.size
            label = np.frombuffer(data, np.int64, 1, at)
            probabilities = np.frombuffer(data, np.float32, (size - 8) // 4, at + 8)
            self._askers.pop(id).answer(label, probabilities)
            at += size
        self._buffer = data[at:]


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._chunks: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name] = value

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._headers, self._chunks = {}, []
        self._link.ask(self, np.array(decode(body).inputs[0].data, np.float32).tobytes())

    def answer(self, label: np.ndarray, probabilities: np.ndarray) -> None:
        outputs = [
            {"name": "label", "datatype": "INT64", "shape": [1], "data": label},
            {"name": "probabilities", "datatype": "FP32", "shape": [1, len(probabilities)], "data": probabilities},
        ]
        answer = {"model_name": "digits", "model_version": "1", "outputs": outputs}
        body = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        self._transport.write(ANSWER % (len(body), body))


async def main(port: int, path: str) -> None:
    loop = asyncio.get_running_loop()
    _, link = await loop.create_unix_connection(Link, path)
    server = await loop.create_server(lambda: Connection(link), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2]))
