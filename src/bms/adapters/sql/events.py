"""The event log and leases."""

import asyncio
import contextlib
from datetime import timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bms.adapters.sql.engine import Database
from bms.adapters.sql.store import noun
from bms.adapters.sql.tables.events import events, leases
from bms.core.clock import Clock
from bms.core.events import Recorded

_POLL_S = 0.25  # how late an event of another process may be noticed


class SqlEventLog:
    """`EventLog` on SQL: woken by commits of this process, by polling for those of others, once for all who wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looking = asyncio.Lock()
        self._seen: tuple[int, float, asyncio.Event | None] = (0, 0.0, None)  # last, when, and what a commit would set

    async def last(self) -> int:
        return (await self._look(self._database.written))[0]

    async def since(self, number: int, limit: int = 1000) -> list[tuple[int, Recorded]]:
        if await self.last() <= number:
            return []
        query = select(events).where(events.c.number > number).order_by(events.c.number).limit(limit)
        async with self._database.reading() as connection:
            return [(row["number"], noun(Recorded, row)) for row in (await connection.execute(query)).mappings()]

    async def wait(self, number: int, timeout_s: float) -> int:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            written = self._database.written  # before the look: what is committed meanwhile must not be missed
            last, looked = await self._look(written)
            left = deadline - loop.time()
            if last > number or left <= 0:
                return last
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(deadline, looked + _POLL_S)):
                    await written.wait()

    async def _look(self, written: asyncio.Event) -> tuple[int, float]:
        """The newest number, and when it was asked for: anew only if somebody here has committed since, or it is time
        to. Loops ask for it many times a second."""
        async with self._looking:
            last, looked, before = self._seen
            now = asyncio.get_running_loop().time()
            if before is not written or now - looked >= _POLL_S:
                last, looked = await self._newest(), now
                self._seen = (last, looked, written)
            return last, looked

    async def _newest(self) -> int:
        async with self._database.reading() as connection:
            return (await connection.execute(select(func.max(events.c.number)))).scalar() or 0


class SqlLeases:
    """`Leases` on SQL; expiry by the clock that is passed in, which must agree between holders to within a ttl."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def acquire(self, name: str, holder: str, ttl_s: float) -> int | None:
        now = self._clock.now()
        until = now + timedelta(seconds=ttl_s)
        async with self._database.writing() as connection:
            locked = select(leases).where(leases.c.name == name).with_for_update()
            row = (await connection.execute(locked)).mappings().first()
            if row is None:
                try:
                    async with connection.begin_nested():
                        await connection.execute(
                            insert(leases).values(name=name, holder=holder, token=1, expires_at=until)
                        )
                except IntegrityError:
                    return None  # somebody else was the first in the same instant
                return 1
            if row["holder"] != holder and row["expires_at"] > now:
                return None
            token: int = row["token"] + (0 if row["holder"] == holder and row["expires_at"] > now else 1)
            await connection.execute(
                update(leases).where(leases.c.name == name).values(holder=holder, token=token, expires_at=until)
            )
            return token

    async def release(self, name: str, holder: str) -> None:
        """Lets the lease expire now; its token is kept, so that the next is larger."""
        async with self._database.writing() as connection:
            await connection.execute(
                update(leases)
                .where(leases.c.name == name, leases.c.holder == holder)
                .values(expires_at=self._clock.now())
            )
