"""The HTTP server of the control API: uvicorn without its periodic ticks, so that an idle platform uses no CPU."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

GRACE_S = 5  # for requests under way when it is to end


class ApiServer(uvicorn.Server):
    """Serves `api` until `stop` is called. Signals are left to the process that runs it."""

    def __init__(self, api: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                api,
                log_config=None,
                access_log=False,
                server_header=False,
                forwarded_allow_ips="*",  # gateways alone ask here, and say only what they vouch for
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self.server_state = _Dated()
        self._stopping = asyncio.Event()

    async def run_on(self, listening: socket.socket) -> None:
        """Serves on the socket until `stop`, and until open requests are answered or the grace is over. Closes the
        socket."""
        await self.serve(sockets=[listening])

    def stop(self) -> None:
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """Waits for the stop event. uvicorn's own loop polls ten times a second, and renews its Date header every
        second."""
        await self._stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Dated(ServerState):
    """State shared by uvicorn's connections, with the Date header made when an answer is given."""

    def __init__(self) -> None:
        self._second = 0
        self._headers: list[tuple[bytes, bytes]] = []
        super().__init__()

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of every answer. uvicorn sets this to an empty list at first."""
        if (second := int(time.time())) != self._second:
            self._second, self._headers = second, [(b"date", formatdate(second, usegmt=True).encode())]
        return self._headers

    @default_headers.setter
    def default_headers(self, _none: list[tuple[bytes, bytes]]) -> None:
        """uvicorn sets it to nothing at first."""
