"""Accepts connections on a Unix socket: a connection must present the token first, and may share memory then."""

import asyncio
import fcntl
import hmac
import logging
import mmap
import os
import socket
from collections.abc import Callable

from bms.protocols.frames import FrameType, encode_plain

_log = logging.getLogger(__name__)
_FIRST = 1 << 16  # bytes
_AT_ONCE = 64
_PATIENCE_S = 5.0
Make = Callable[[memoryview | None], asyncio.Protocol]


class Acceptor:
    """Calls `make` for every connection that begins with a HELLO with `token`, with the memory that it shares, None
    where it shares none. Others are closed unanswered, and what they share is never mapped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: socket.socket, make: Make, token: bytes) -> None:
        self._loop = loop
        self._hello = encode_plain(FrameType.HELLO, meta=token)
        self._listener = listener
        self._make = make
        self._waiting: dict[socket.socket, asyncio.TimerHandle] = {}  # accepted, have said nothing yet
        self._tasks: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Stops accepting; the listening socket stays the caller's."""
        self._loop.remove_reader(self._listener.fileno())
        for connection, timer in self._waiting.items():
            timer.cancel()
            self._loop.remove_reader(connection.fileno())
            connection.close()
        self._waiting.clear()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # out of descriptors: those that wait are taken when there are some again
                _log.warning("a connection could not be accepted", extra={"fields": {"reason": str(error)}})
                return
            connection.setblocking(False)
            self._waiting[connection] = self._loop.call_later(_PATIENCE_S, self._refuse, connection)
            self._loop.add_reader(connection.fileno(), self._receive_first, connection)

    def _receive_first(self, connection: socket.socket) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(connection, _FIRST, 4)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        hello, rest = data[: len(self._hello)], data[len(self._hello) :]
        if hmac.compare_digest(hello, self._hello):
            self._begin(connection, rest, _mapped(descriptors))
            return
        for descriptor in descriptors:
            os.close(descriptor)
        if data:
            _log.warning("closed a connection that did not show this server's token")
        self._refuse(connection)

    def _refuse(self, connection: socket.socket) -> None:
        self._stop_waiting(connection)
        connection.close()

    def _stop_waiting(self, connection: socket.socket) -> None:
        """Takes the connection out of those that have sent nothing yet."""
        self._waiting.pop(connection).cancel()
        self._loop.remove_reader(connection.fileno())

    def _begin(self, connection: socket.socket, data: bytes, shared: memoryview | None) -> None:
        self._stop_waiting(connection)
        task = self._loop.create_task(self._hand_over(connection, data, shared))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, connection: socket.socket, data: bytes, shared: memoryview | None) -> None:
        protocol = self._make(shared)
        await self._loop.connect_accepted_socket(lambda: protocol, connection)
        if data:
            protocol.data_received(data)


def _mapped(descriptors: list[int]) -> memoryview | None:
    """The shared memory behind a received descriptor, mapped for reading; None for anything but one memory file that
    can't shrink."""
    try:
        if len(descriptors) != 1:
            return None
        if not fcntl.fcntl(descriptors[0], fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
            return None
        return memoryview(mmap.mmap(descriptors[0], 0, prot=mmap.PROT_READ))
    except (OSError, ValueError) as error:
        _log.warning("shared memory could not be mapped", extra={"fields": {"reason": str(error)}})
        return None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
