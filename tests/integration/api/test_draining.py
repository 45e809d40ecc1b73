"""A refusal reaches whoever is still sending, over a real socket."""

import asyncio
from pathlib import Path

import pytest
import uvicorn

from bms.adapters.sql.database.engine import Database
from bms.core.clock import ManualClock
from tests.worlds.api import Api

HEAD = b"POST /api/v1/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"  # as gateways ask


@pytest.mark.parametrize("size", [1, 100_000, 3 << 20])
async def test_who_is_refused_while_sending_reads_why(
    sqlite: Database, clock: ManualClock, tmp_path: Path, size: int
) -> None:
    api = await Api(sqlite, clock).start()
    path = str(tmp_path / "api.sock")
    server = uvicorn.Server(uvicorn.Config(api.app, uds=path, log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    for _ in range(10):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(HEAD % size)
        await writer.drain()
        await asyncio.sleep(0.01)  # by now a server that does not hear people out has answered and closed
        writer.write(b"x" * size)
        await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 401"), "no key was sent"
        writer.close()
        await writer.wait_closed()
    server.should_exit = True
    await serving
