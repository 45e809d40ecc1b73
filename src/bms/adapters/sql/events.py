"""The event log and leases."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import noun
from bms.adapters.sql.tables.events import events, leases
from bms.control.platform.transactions import Acquired
from bms.core.clock import Clock
from bms.core.events import Recorded
from bms.core.ticks import until_tick

LOOK_S = 0.25  # how late an event of another process may be noticed where nothing tells of it
TAIL = 1000  # newest events that are remembered: several read each


class SqlEventLog:
    """The `EventLog` on SQL, woken by commits of this process and, through a `CommitWatcher`, of others.

    The database is asked once for all who wait or read, and only if somebody has committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._others = database.others
        self._looking = asyncio.Lock()
        self._last: int | None = None
        self._tail: deque[tuple[int, Recorded]] = deque()
        self._before = 0  # the number of the event before the tail
        self._taken: asyncio.Event | None = None  # the database's bell at the time of the last look
        self._asked = 0.0  # when it was last asked whether others have committed
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None  # there is one while somebody waits

    async def last(self) -> int:
        self._ask_others()
        async with self._looking:
            written = self._database.written  # before the look: what is committed meanwhile must not be missed
            if self._last is None:
                self._last = self._before = await self._newest()
            elif written is not self._taken:
                self._last = self._remember(self._last, await self._read(self._last))
            self._taken = written
            return self._last

    async def since(self, number: int, limit: int = 1000) -> list[tuple[int, Recorded]]:
        if await self.last() <= number:
            return []
        if number >= self._before:
            return list(islice((each for each in self._tail if each[0] > number), limit))
        async with self._database.reading() as connection:
            return await _events(connection, number, limit)

    async def wait(self, number: int, timeout_s: float) -> int:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        self._others.listen(self._database.notify)
        self._waiting += 1
        try:
            while True:
                self._arm()
                written = self._database.written
                last = await self.last()
                if last > number or loop.time() >= deadline:
                    return last
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline):
                        await written.wait()
        finally:
            self._waiting -= 1

    def _arm(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(until_tick(loop.time(), LOOK_S), self._tick)

    def _tick(self) -> None:
        """Asks the database once, for all waiters."""
        self._timer = None
        if self._waiting:
            self._ask_others()
            self._arm()

    def _ask_others(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._asked >= LOOK_S / 2:  # a timer may come a little early
            self._asked = now
            if self._last is not None and self._others.newer(self._last):
                self._database.notify()

    async def _newest(self) -> int:
        async with self._database.reading() as connection:
            return (await connection.execute(select(func.max(events.c.number)))).scalar() or 0

    async def _read(self, last: int) -> list[tuple[int, Recorded]]:
        """What came after `last`."""
        found: list[tuple[int, Recorded]] = []
        async with self._database.reading() as connection:
            while more := await _events(connection, last, TAIL):
                found += more
                last = more[-1][0]
                if len(more) < TAIL:
                    break
        return found

    def _remember(self, last: int, found: list[tuple[int, Recorded]]) -> int:
        """The newest number, once what was found after `last` is taken account of."""
        self._tail.extend(found)
        while len(self._tail) > TAIL:
            self._before = self._tail.popleft()[0]
        return found[-1][0] if found else last


async def _events(connection: AsyncConnection, after: int, limit: int) -> list[tuple[int, Recorded]]:
    query = select(events).where(events.c.number > after).order_by(events.c.number).limit(limit)
    return [(row["number"], noun(Recorded, row)) for row in (await connection.execute(query)).mappings()]


class SqlLeases:
    """`Leases` on SQL; expiry by the clock that is passed in, which must agree between holders to within a ttl."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def acquire(self, last: Mapping[str, int | None], holder: str, ttl_s: float) -> Acquired:
        now = self._clock.now()
        return await self._database.write_at_once(
            lambda connection: _acquired(connection, last, holder, now, now + timedelta(seconds=ttl_s))
        )

    async def release(self, held: Mapping[str, int]) -> None:
        """Releases leases; their tokens are kept, so that the next are larger."""
        if not held:
            return
        async with self._database.writing() as connection:
            for name, token in sorted(held.items()):
                mine = update(leases).where(leases.c.name == name, leases.c.token == token)
                await connection.execute(mine.values(expires_at=self._clock.now()))


def _acquired(
    connection: Connection, last: Mapping[str, int | None], holder: str, now: datetime, until: datetime
) -> Acquired:
    found: dict[str, int] = {}
    others: dict[str, datetime] = {}
    kept: list[str] = []
    locked = select(leases).where(leases.c.name.in_(last)).order_by(leases.c.name).with_for_update()
    rows = {row["name"]: row for row in connection.execute(locked).mappings()}
    for name in sorted(last):
        if name not in rows:
            if _first(connection, name, holder, until):
                found[name] = 1
            continue  # where another one was the first, the next time of asking tells
        token: int = rows[name]["token"]
        free = rows[name]["expires_at"] <= now
        if not free and (rows[name]["holder"] != holder or last[name] not in (None, token)):
            others[name] = rows[name]["expires_at"]
            continue
        found[name] = token if last[name] == token and not free else token + 1
        if found[name] == token:
            kept.append(name)
            continue
        mine = update(leases).where(leases.c.name == name)
        connection.execute(mine.values(holder=holder, token=found[name], expires_at=until))
    if kept:  # one write for all of them, every few seconds of an idle platform's life
        connection.execute(update(leases).where(leases.c.name.in_(kept)).values(expires_at=until))
    return Acquired(found, others)


def _first(connection: Connection, name: str, holder: str, until: datetime) -> bool:
    """False where somebody else was the first in the same instant."""
    try:
        with connection.begin_nested():
            connection.execute(insert(leases).values(name=name, holder=holder, token=1, expires_at=until))
    except IntegrityError:
        return False
    return True
