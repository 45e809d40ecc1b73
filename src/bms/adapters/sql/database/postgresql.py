"""PostgreSQL connections: one whose statement was cancelled is closed, and the cancelled task waits for that."""

import asyncio
import logging
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bms.core.cancellation import to_the_end

log = logging.getLogger("bms.sql")
CLOSING_S = 2.0  # then the connection is broken off
IDLE_S = 15.0  # the server ends a transaction that rests so long: its process was stopped, and its locks stop others


def postgresql_engine(address: str) -> AsyncEngine:
    """Makes the engine; `address` is what follows the scheme of the URL: user:password@host/name."""
    settings = {"idle_in_transaction_session_timeout": f"{IDLE_S * 1000:.0f}"}
    engine = create_async_engine(
        "postgresql+asyncpg://" + address,
        pool_size=10,
        pool_pre_ping=True,
        connect_args={"server_settings": settings},
    )

    @event.listens_for(engine.sync_engine, "invalidate")
    def _close(connection: Any, _record: object, error: BaseException | None) -> None:
        try:
            connection.run_async(_closed)
        except asyncio.CancelledError:
            if not isinstance(error, asyncio.CancelledError):  # else the first cancellation is on its way already
                raise

    return engine


async def _closed(connection: Any) -> None:
    """Ends the statement under way, and the connection. Broken off in the middle, as a second cancellation would do it,
    the server would go on with the statement, and with it keep the transaction's locks."""
    try:
        await to_the_end(connection.close(timeout=CLOSING_S))
    except Exception as error:  # noqa: BLE001 - whatever was in its way, it is gone
        log.info("a connection to the database was broken off: it did not close (%s)", error)
