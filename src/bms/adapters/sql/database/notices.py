"""PostgreSQL notifications: each transaction with events sends one, and a connection of its own listens to them.

asyncpg is an extra: only what speaks to PostgreSQL imports this.
"""

import asyncio
import logging
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from bms.adapters.sql.database.event_mark import CHANNEL
from bms.core.cancellation import to_the_end

log = logging.getLogger("bms.sql")
NET_S = 5.0  # the database is asked so seldom while it is to tell by itself
RETRY_S = 1.0
_CONNECTING_S, _CLOSING_S = 10.0, 2.0


class PostgresOthers:
    """The `CommitWatcher` of PostgreSQL, by LISTEN. `origin` is what this process's own notifications say. While it
    can't listen, `newer` says yes."""

    def __init__(self, engine: AsyncEngine, origin: str) -> None:
        self._engine = engine
        self._origin = origin
        self._heard: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._listening = False
        self._asked = 0.0

    def newer(self, number: int) -> bool:
        now = time.monotonic()
        if self._listening and now - self._asked < NET_S:
            return False
        self._asked = now
        return True

    def listen(self, heard: Callable[[], None]) -> None:
        if self._task is None:
            self._heard = heard
            self._task = asyncio.create_task(self._listen(), name="listening to the database")

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
                log.warning("the database's notifications stopped: listening anew")
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("the database's notifications can't be heard now: %s", error)
            await asyncio.sleep(RETRY_S)

    async def _hear(self) -> None:
        """Until the connection ends."""
        options: MutableMapping[str, Any] = self._engine.dialect.create_connect_args(self._engine.url)[1]
        connection = await asyncpg.connect(**options, timeout=_CONNECTING_S)
        try:
            ended = asyncio.Event()
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(CHANNEL, self._notified)
            self._listening = True
            self._ring()  # for what was committed before
            await ended.wait()
        finally:
            self._listening = False
            await to_the_end(_closed(connection))

    def _notified(self, _connection: object, _pid: int, _channel: str, origin: object) -> None:
        if origin != self._origin:
            self._ring()

    def _ring(self) -> None:
        if self._heard is not None:
            self._heard()


async def _closed(connection: "asyncpg.Connection[Any]") -> None:
    try:
        await connection.close(timeout=_CLOSING_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.info("the connection that listened was broken off: %s", error)
        connection.terminate()
