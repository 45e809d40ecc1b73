"""The API's server answers like any uvicorn, and sleeps while nobody asks."""

import asyncio
import contextlib
import email.utils
import resource
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bms.app.control.api_server import ApiServer


async def _hello(_request: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


@contextlib.asynccontextmanager
async def _served(path: Path) -> AsyncIterator[ApiServer]:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    server = ApiServer(Starlette(routes=[Route("/", _hello)]))
    task = asyncio.create_task(server.run_on(listening))
    yield server
    server.stop()
    async with asyncio.timeout(5):
        await task


async def _asked(path: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    said = await reader.read()
    writer.close()
    return said


async def test_it_sleeps_while_nobody_asks_and_stops_when_told(tmp_path: Path) -> None:
    async with _served(tmp_path / "s"):
        assert b"hello" in await _asked(tmp_path / "s")
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        await asyncio.sleep(1.0)
        assert resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before <= 5, "it woke up by itself"


async def test_every_answer_has_the_date_of_its_second(tmp_path: Path) -> None:
    async with _served(tmp_path / "s"):
        for _ in range(2):
            head = (await _asked(tmp_path / "s")).decode()
            date = next(line.removeprefix("date: ") for line in head.splitlines() if line.startswith("date: "))
            assert abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) < 2
            await asyncio.sleep(1.0)
