"""An HTTP server where a gateway looks for control: it says what came, streams, takes uploads, and breaks off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bms.web.api.draining import Draining


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "headers": [[name.decode(), value.decode()] for name, value in request.headers.raw],
            "size": len(body),
        },
        status_code=201,
        headers={"x-mine": "yes", "connection": "x-private", "x-private": "1", "set-cookie": "a=b"},
    )


async def count(request: Request) -> Response:
    """Takes an upload as it comes, and says how much control had held at most at once."""
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        await asyncio.sleep(0)
    return JSONResponse({"total": total})


async def slowly(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for n in range(3):
            yield f"{n}\n".encode()
            await asyncio.sleep(0.05)

    return StreamingResponse(parts(), media_type="text/plain")


async def much(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1 << 20)

    return StreamingResponse(parts())


async def refuse(request: Request) -> Response:
    return JSONResponse({"no": "room"}, status_code=413)


async def broken(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        raise RuntimeError("broken on purpose")

    return StreamingResponse(parts())


async def empty(request: Request) -> Response:
    return Response(status_code=204)


@asynccontextmanager
async def control(directory: Path) -> AsyncIterator[None]:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    app = Starlette(
        routes=[
            Route("/api/v1/count", count, methods=methods),
            Route("/api/v1/slowly", slowly),
            Route("/api/v1/much", much),
            Route("/api/v1/refuse", refuse, methods=methods),
            Route("/api/v1/broken", broken),
            Route("/api/v1/empty", empty, methods=methods),
            Route("/{path:path}", echo, methods=methods),
        ]
    )
    # As control's own application is: what closes with bytes unread may take its answer with it.
    config = uvicorn.Config(Draining(app), uds=str(directory / "control.sock"), log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task
