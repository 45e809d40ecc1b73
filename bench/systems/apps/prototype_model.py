"""The prototype's model process: `prototype_model.py SOCKET`; everything that waits in one turn runs as one batch."""

import asyncio
import struct
import sys
from typing import Any

import bench_models
import numpy as np
import uvloop

HEAD = struct.Struct("<II")
MOST = 64
SERVABLE = bench_models.load("digits")


class Asked(asyncio.Protocol):
    """The gateway's connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ids: list[int] = []
        self._rows: list[bytes] = []
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        at = 0
        while len(data) - at >= HEAD.size:
            size, id = HEAD.unpack_from(data, at)
            if len(data) - at - HEAD.size < size:
                break
            at += HEAD.size
            self._ids.append(id)
            self._rows.append(data[at : at + size])
            at += size
        self._buffer = data[at:]
        while self._ids:
            ids, self._ids = self._ids[:MOST], self._ids[MOST:]
            rows, self._rows = self._rows[:MOST], self._rows[MOST:]
            self._run(ids, rows)

    def _run(self, ids: list[int], rows: list[bytes]) -> None:
        x = np.frombuffer(b"".join(rows), np.float32).reshape(len(ids), -1)
        found = SERVABLE.run(x)
        labels, probabilities = found["label"], found["probabilities"]
        size = 8 + probabilities.shape[1] * 4
        parts = []
        for index, id in enumerate(ids):
            parts += (HEAD.pack(size, id), labels[index].tobytes(), probabilities[index].tobytes())
        self._transport.write(b"".join(parts))


async def main(path: str) -> None:
    server = await asyncio.get_running_loop().create_unix_server(Asked, path)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
