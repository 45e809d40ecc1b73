"""Transactions over one feature's repository, and the base class of repositories."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Select, Table, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.event_mark import CHANNEL, mark_event
from bms.adapters.sql.tables.allotments import allotments
from bms.adapters.sql.tables.events import events, leases
from bms.control.platform.allotments import Allotment, milliseconds
from bms.core.errors import Aborted, AlreadyExists
from bms.core.events import Event, EventSink, Payload, recorded
from bms.core.meters import Held
from bms.core.pages import Page, PageRequest, page_of

Tx = TypeVar("Tx")
N = TypeVar("N", bound=msgspec.Struct)
_EVENTS_LOCK = 0x626D73  # "bms"


class SqlStore(Generic[Tx]):
    """A `Store` whose transactions are made by `repository(connection)`."""

    def __init__(self, database: Database, repository: Callable[[AsyncConnection], Tx]) -> None:
        self._database = database
        self._repository = repository

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        async with self._database.reading() as connection:
            yield self._repository(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        async with self._database.writing() as connection:
            yield self._repository(connection)

    def joined(self, tx: EventSink) -> Tx:
        assert isinstance(tx, Repository), "only transactions on one database are joined"
        return self._repository(tx.connection)


class Repository:
    """Base class of repositories: converts rows to frozen nouns and back, on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    @property
    def connection(self) -> AsyncConnection:
        return self._connection

    async def fence(self, lease: str, token: int) -> None:
        query = select(leases.c.token).where(leases.c.name == lease).with_for_update()
        newest = (await self._connection.execute(query)).scalar()
        if newest != token:
            raise Aborted(f"lease {lease!r} has moved on from token {token} to {newest}: another process leads now")

    async def emit(self, event: Event[Payload]) -> None:
        origin = mark_event(self._connection)
        if self._connection.dialect.name == "postgresql":
            # Numbers are drawn before the commit: without this, a reader could see 6 and never look back at 5.
            lock, notice = func.pg_advisory_xact_lock(_EVENTS_LOCK), func.pg_notify(CHANNEL, origin)
            await self._connection.execute(select(lock, notice))
        await self._connection.execute(insert(events).values(**msgspec.structs.asdict(recorded(event))))

    async def open_allotment(self, allotment: Allotment, at: datetime) -> None:
        times = {"opened_at": milliseconds(at), "booked_until": milliseconds(at)}
        with suppress(AlreadyExists):
            await self._insert(allotments, allotment, f"{allotment.subject} has one that is open", **times)

    async def close_allotment(self, tenant: str, of: Held, subject: str, at: datetime) -> None:
        c = allotments.c
        mine = (c.tenant == tenant, c.of == of, c.subject == subject, c.closed_at.is_(None))
        await self._connection.execute(update(allotments).where(*mine).values(closed_at=milliseconds(at)))

    async def _one(self, kind: type[N], query: Select[Any]) -> N | None:
        row = (await self._connection.execute(query)).mappings().first()
        return None if row is None else noun(kind, row)

    async def _all(self, kind: type[N], query: Select[Any]) -> list[N]:
        return [noun(kind, row) for row in (await self._connection.execute(query)).mappings()]

    async def _page(
        self, kind: type[N], table: Table, key: str, page: PageRequest, *where: ColumnElement[bool]
    ) -> Page[N]:
        """A page in rising order of the text column `key`."""
        query = select(table).where(*where).order_by(table.c[key]).limit(page.limit + 1)
        if page.after is not None:
            query = query.where(table.c[key] > page.after)
        rows = [(row[key], noun(kind, row)) for row in (await self._connection.execute(query)).mappings()]
        return page_of(rows, page.limit)

    async def _insert(self, table: Table, value: msgspec.Struct, taken: str, **more: object) -> None:
        """Raises AlreadyExists with the message `taken` when a unique constraint says so."""
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(insert(table).values(**msgspec.structs.asdict(value), **more))
        except IntegrityError as error:
            raise AlreadyExists(taken) from error

    async def _save(self, table: Table, value: N, *where: ColumnElement[bool]) -> N:
        """Writes all fields if the stored revision is still `value.revision`; raises Aborted otherwise."""
        fields = msgspec.structs.asdict(value)
        revision = fields["revision"]
        fields["revision"] = revision + 1
        done = await self._connection.execute(
            update(table).where(*where, table.c.revision == revision).values(**fields)
        )
        if done.rowcount != 1:
            raise Aborted(f"it was changed by someone else since revision {revision}: read it again and repeat")
        return msgspec.structs.replace(value, revision=revision + 1)


def noun(kind: type[N], row: Any) -> N:
    """Makes the noun whose fields are columns of `row`; other columns are ignored."""
    return kind(**{field: row[field] for field in kind.__struct_fields__})
