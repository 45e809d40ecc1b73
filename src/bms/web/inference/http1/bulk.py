"""Reads the rest of a large body straight into its final buffer, without joining pieces."""

import asyncio
from collections.abc import Callable

import numpy as np

from bms.web.inference.http.request import HttpRequest

LARGE = 1 << 17  # bytes still to come; for fewer, changing hands costs more than it saves
_SCRATCH = 1 << 16


class BulkBody(asyncio.BufferedProtocol):
    """Takes over a connection's socket until `request.head.length` bytes of body are there.

    `events` is the connection's own protocol, which goes on hearing of everything else; `done` is called with the body.
    """

    def __init__(
        self, request: HttpRequest, events: asyncio.Protocol, done: Callable[[HttpRequest, memoryview], None]
    ) -> None:
        assert request.head.length is not None
        self._request = request
        self._events = events
        self._done = done
        # Not zeroed, unlike a bytearray: it is filled by what comes, or never seen.
        self._body = np.empty(request.head.length, np.uint8).data
        self._at = 0
        for chunk in request.chunks:
            self._body[self._at : self._at + len(chunk)] = chunk
            self._at += len(chunk)
        request.chunks.clear()

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._request.discard:  # refused meanwhile: what comes is dropped until the connection ends
            return memoryview(bytearray(_SCRATCH))
        return self._body[self._at :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._request.discard:
            return
        self._at += nbytes
        self._request.size = self._at
        if self._at == len(self._body):
            self._done(self._request, self._body)

    def eof_received(self) -> bool | None:
        return self._events.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._events.connection_lost(exc)

    def pause_writing(self) -> None:
        self._events.pause_writing()

    def resume_writing(self) -> None:
        self._events.resume_writing()
