"""The load generator, a process of its own: `python bench/load.py ORDER.json` sends, then prints one JSON answer.

Closed loop: every connection sends its next request when the last one is answered (no pipelining). Open loop: requests
come by a Poisson process at a fixed rate, however slow the answers are, and a latency counts from the moment at which
the request was due, so that a server which stalls cannot hide it (no coordinated omission). Raw asyncio, keep-alive.
"""

import array
import asyncio
import ctypes
import gc
import heapq
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

try:
    import uvloop

    _new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
except ImportError:
    _new_loop = asyncio.new_event_loop

_MOST_CONNECTIONS = 2000
_PATIENCE_S = 5.0
_PR_SET_PDEATHSIG = 1


class Order(TypedDict):
    """What to do. `request` is a file with the raw bytes; `rate` in requests per second (0: closed loop); `record` is
    a file to write every request to, as four float64: sent, answered (CLOCK_MONOTONIC), status, version."""

    port: int
    request: str
    core: int
    connections: int
    warmup_s: float
    seconds: float
    rate: float
    record: str
    stop: str  # when this file appears the run ends early


class Tally:
    """What came back."""

    def __init__(self, record: bool) -> None:
        self.latencies = array.array("d")
        self.errors = 0
        self.answered = 0
        self.counting = False
        self.log = array.array("d") if record else None

    def answer(self, due: float, now: float, status: int, version: int) -> None:
        self.answered += 1
        if not self.counting:
            return
        if status == 200:
            self.latencies.append(now - due)
        else:
            self.errors += 1
        if self.log is not None:
            self.log.extend((due, now, status, version))


class Client(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, request: bytes, tally: Tally, sender: "Sender") -> None:
        self._request = request
        self._tally = tally
        self._sender = sender
        self._buffer = b""
        self._due = 0.0  # 0: nothing under way
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._sender.free(self)

    def send(self, due: float) -> None:
        self._due = due
        assert self._transport is not None
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = data
            return
        at = data.find(b"ontent-", 0, end)
        while at >= 0 and data[at + 7 : at + 14].lower() != b"length:":
            at = data.find(b"ontent-", at + 1, end)
        length = int(data[at + 14 : data.find(b"\r\n", at)]) if at >= 0 else 0
        if len(data) < end + 4 + length:
            self._buffer = data
            return
        self._buffer = b""
        due, self._due = self._due, 0.0
        self._tally.answer(due, time.monotonic(), int(data[9:12]), _version(data) if self._tally.log is not None else 0)
        self._sender.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._due:
            self._tally.answer(self._due, time.monotonic(), 0, 0)
        self._sender.lost(self)

    def close(self) -> None:
        self._due = 0.0
        if self._transport is not None:
            self._transport.close()


def _version(answer: bytes) -> int:
    at = answer.find(b'"model_version":"')
    return int(answer[at + 17 : answer.find(b'"', at + 17)]) if at >= 0 else 0


class Sender:
    """Decides when a connection sends."""

    def __init__(self, order: Order, tally: Tally) -> None:
        self._loop = asyncio.get_running_loop()
        self._order = order
        self._request = Path(order["request"]).read_bytes()
        self._tally = tally
        self._open = order["rate"] > 0
        self._idle: list[Client] = []
        self._waiting: list[float] = []  # moments at which requests were due that no connection was free for
        self.clients = 0
        self.ending = False  # nothing new begins
        self.stopped = False
        self.late = 0  # requests that we ourselves began more than a millisecond late
        self.sent = 0

    async def connect(self) -> None:
        self.clients += 1
        try:
            await self._loop.create_connection(
                lambda: Client(self._request, self._tally, self), "127.0.0.1", self._order["port"]
            )
        except OSError:
            self.clients -= 1
            now = time.monotonic()
            self._tally.answer(heapq.heappop(self._waiting) if self._waiting else now, now, 0, 0)

    def free(self, client: Client) -> None:
        if self.stopped:
            client.close()
        elif self._waiting:
            client.send(heapq.heappop(self._waiting))
        elif self._open:
            self._idle.append(client)
        else:
            client.send(time.monotonic())

    def lost(self, client: Client) -> None:
        self.clients -= 1
        if client in self._idle:
            self._idle.remove(client)
        if not self.stopped:
            self._tasks = self._loop.create_task(self.connect())

    async def closed_loop(self) -> None:
        for _ in range(self._order["connections"]):
            await self.connect()

    async def open_loop(self, until: float) -> None:
        """Spins instead of sleeping, because a timer is a millisecond coarse and the core is ours."""
        for _ in range(self._order["connections"]):
            await self.connect()
        draw, rate = random.Random(1), self._order["rate"]
        due = time.monotonic()
        while due < until and not self.ending:
            now = time.monotonic()
            while due <= now:
                self._begin(due, now)
                due += draw.expovariate(rate)
            await asyncio.sleep(0)

    async def settled(self) -> None:
        """Returns when all that began is answered; what is not after a while counts as failed."""
        end = time.monotonic() + _PATIENCE_S
        while (left := self.sent - self._tally.answered) > 0 and time.monotonic() < end:
            await asyncio.sleep(0.01)
        self._tally.errors += left

    def _begin(self, due: float, now: float) -> None:
        self.sent += 1
        self.late += now - due > 0.001
        if self._idle:
            self._idle.pop().send(due)
            return
        heapq.heappush(self._waiting, due)
        if self.clients < _MOST_CONNECTIONS:
            self._tasks = self._loop.create_task(self.connect())


async def run(order: Order) -> dict[str, object]:
    tally = Tally(bool(order["record"]))
    sender = Sender(order, tally)
    begin = time.monotonic() + order["warmup_s"]
    until = begin + order["seconds"]
    sending = asyncio.create_task(sender.open_loop(until) if order["rate"] else sender.closed_loop())
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    gc.disable()
    tally.counting, began = True, time.monotonic()
    while (left := until - time.monotonic()) > 0 and not (order["stop"] and os.path.exists(order["stop"])):
        await asyncio.sleep(min(left, 0.1))
    took = time.monotonic() - began
    sender.ending = True
    await sending
    if order["rate"]:
        await sender.settled()
    tally.counting = False
    sender.stopped = True
    await asyncio.sleep(0.1)
    latencies = sorted(tally.latencies)
    if tally.log is not None:
        Path(order["record"]).write_bytes(tally.log.tobytes())
    return {
        "requests": len(latencies),
        "errors": tally.errors,
        "seconds": took,
        "p50_us": _percentile(latencies, 0.50) * 1e6,
        "p99_us": _percentile(latencies, 0.99) * 1e6,
        "max_us": _percentile(latencies, 1.0) * 1e6,
        "late": sender.late / sender.sent if sender.sent else 0.0,
    }


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def main(arguments: list[str]) -> int:
    order: Order = json.loads(Path(arguments[0]).read_text())
    os.sched_setaffinity(0, {order["core"]})
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # never outlives who wanted it
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        print(json.dumps(runner.run(run(order))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
