"""Accepting connections on a Unix socket together with the memory that an asker shares by its first message."""

import asyncio
import fcntl
import logging
import mmap
import os
import socket
from collections.abc import Callable

_log = logging.getLogger(__name__)
_FIRST = 1 << 16  # bytes
_AT_ONCE = 64
_MOMENT_S = 0.1
Make = Callable[[memoryview | None], asyncio.Protocol]


class Acceptor:
    """Calls `make` with the shared memory for every connection once its first bytes are there; with None for one that
    shares none, or says nothing for a moment."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: socket.socket, make: Make) -> None:
        self._loop = loop
        self._listener = listener
        self._make = make
        self._silent: dict[socket.socket, asyncio.TimerHandle] = {}  # accepted, have said nothing yet
        self._tasks: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Accepts no more; the listening socket stays the caller's."""
        self._loop.remove_reader(self._listener.fileno())
        for connection, timer in self._silent.items():
            timer.cancel()
            self._loop.remove_reader(connection.fileno())
            connection.close()
        self._silent.clear()

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
            self._silent[connection] = self._loop.call_later(_MOMENT_S, self._begin, connection, b"", None)
            self._loop.add_reader(connection.fileno(), self._hear, connection)

    def _hear(self, connection: socket.socket) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(connection, _FIRST, 4)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        shared = _mapped(descriptors)
        if data:
            self._begin(connection, data, shared)
        else:
            self._silent.pop(connection).cancel()
            self._loop.remove_reader(connection.fileno())
            connection.close()

    def _begin(self, connection: socket.socket, data: bytes, shared: memoryview | None) -> None:
        self._silent.pop(connection).cancel()
        self._loop.remove_reader(connection.fileno())
        task = self._loop.create_task(self._hand_over(connection, data, shared))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, connection: socket.socket, data: bytes, shared: memoryview | None) -> None:
        protocol = self._make(shared)
        await self._loop.connect_accepted_socket(lambda: protocol, connection)
        if data:
            protocol.data_received(data)


def _mapped(descriptors: list[int]) -> memoryview | None:
    """The memory of the one descriptor, to be read; None for anything but one memory file that can't shrink."""
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
