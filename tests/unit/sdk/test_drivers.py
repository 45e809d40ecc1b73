"""What the client with asyncio leaves open when its caller is cancelled: nothing."""

import asyncio
from pathlib import Path

import httpx
import pytest

from bms.sdk.drivers import PIECE, AsyncDriver
from bms.sdk.flow import FileContent, Request, send
from bms.sdk.latency import Latencies
from bms.sdk.trust import Trust
from tests.cancelling import PLANS, LateThreads, Plan, every_await, open_below


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
        await driver.run(send(Request("PUT", "/blob", content=FileContent(file, file.stat().st_size))))

    async def check(_number: int, _cancelled: bool) -> None:
        assert open_below(tmp_path) == []

    assert await every_await(upload, plan, check, threads) > 4
    await driver.close()
