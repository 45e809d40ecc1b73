"""What the client with asyncio leaves open when its caller is cancelled: nothing."""

import asyncio
from pathlib import Path

import httpx
import pytest

from bms.core.errors import DeadlineExceeded
from bms.sdk.retries import Retrying, RetryPolicy
from bms.sdk.transport.drivers import PIECE, AsyncDriver
from bms.sdk.transport.flow import ClientRequest, FileContent, Item, NextBytes, Stream, send
from bms.sdk.transport.latency import Latencies
from bms.sdk.trust import Trust
from tests.cancelling import PLANS, LateThreads, Plan, every_await, open_below
from tests.peers.callers import KINDS, Caller


class Slow(httpx.AsyncBaseTransport):
    """Takes its time with every piece of a request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for _ in request.stream:
            await asyncio.sleep(0)
        return httpx.Response(200)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_an_upload_may_be_cancelled_at_every_await(tmp_path: Path, plan: Plan) -> None:
    file, threads = tmp_path / "model", LateThreads()
    file.write_bytes(b"x" * (2 * PIECE))
    driver = AsyncDriver("http://server", None, 5.0, Latencies(), Trust())
    driver._http = httpx.AsyncClient(base_url="http://server", transport=Slow())

    async def upload(_number: int) -> None:
        await driver.run(send(ClientRequest("PUT", "/blob", content=FileContent(file, file.stat().st_size))))

    async def check(_number: int, _cancelled: bool) -> None:
        assert open_below(tmp_path) == []

    assert await every_await(upload, plan, check, threads) > 4
    await driver.close()


class Silent(asyncio.Protocol):
    """A server that answers nothing, or only how its answer begins."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._said)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: "])
async def test_a_time_out_of_the_clients_own_is_deadline_exceeded(kind: str, said: bytes) -> None:
    asked = ClientRequest("POST", "/", content=b"{}", timeout_s=0.05, streamed=True)

    def ask() -> Stream[bytes]:
        reply = yield from Retrying(RetryPolicy())(asked)
        yield Item((yield NextBytes(reply)))
        yield Item((yield NextBytes(reply)))

    connections: list[Silent] = []

    def connected() -> Silent:
        connections.append(Silent(said))
        return connections[-1]

    async with await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0) as server:
        caller = Caller(kind, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", None)
        with pytest.raises(DeadlineExceeded, match=r"did not answer within 0\.05 s.*timeout_s"):
            await caller.items(lambda client: client._driver.stream(ask()))
        await caller.close()
    assert len(connections) == 1  # it was not repeated
