"""Reactions that wait for a retry or were given up, and how far readers of the event log have come."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from bms.adapters.sql.store import Repository, noun
from bms.adapters.sql.tables.events import events, positions, reactions
from bms.adapters.sql.tables.tenants import tenants
from bms.control.platform.pending import HandlerBacklog, Reaction, ReactionState
from bms.core.errors import InvalidArgument
from bms.core.events import Recorded
from bms.core.pages import Page, PageRequest, page_of

_ORDER = (reactions.c.number, reactions.c.place)


class SqlReactions(Repository):
    """`ReactionsTx` on SQL."""

    async def position(self, reader: str) -> int:
        query = select(positions.c.number).where(positions.c.reader == reader)
        return (await self._connection.execute(query)).scalar() or 0

    async def keep_position(self, reader: str, number: int) -> None:
        mine = positions.c.reader == reader
        found = (await self._connection.execute(select(positions.c.number).where(mine))).scalar()
        if found is None:
            await self._connection.execute(insert(positions).values(reader=reader, number=number))
        elif found < number:
            later = update(positions).where(mine, positions.c.number < number)
            await self._connection.execute(later.values(number=number))

    async def waiting(self) -> list[Reaction]:
        columns = (reactions.c.tenant, reactions.c.about)
        place = func.row_number().over(partition_by=columns, order_by=_ORDER).label("in_order")
        numbered = select(reactions.c.id, place).where(reactions.c.state == "waiting").subquery()
        first = select(numbered.c.id).where(numbered.c.in_order == 1)
        return await self._all(Reaction, select(reactions).where(reactions.c.id.in_(first)).order_by(*_ORDER))

    async def known(self, after: int) -> frozenset[tuple[int, str]]:
        query = select(reactions.c.number, reactions.c.handler).where(reactions.c.number > after)
        return frozenset((row.number, row.handler) for row in await self._connection.execute(query))

    async def queue(self, tenant: str, about: str) -> list[Reaction]:
        mine = (reactions.c.tenant == tenant, reactions.c.about == about, reactions.c.state == "waiting")
        return await self._all(Reaction, select(reactions).where(*mine).order_by(*_ORDER))

    async def event(self, number: int) -> Recorded | None:
        return await self._one(Recorded, select(events).where(events.c.number == number))

    async def add(self, new: Sequence[Reaction]) -> None:
        rows = [msgspec.structs.asdict(each) for each in new]
        dialect: Any = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        await self._connection.execute(dialect.insert(reactions).on_conflict_do_nothing(), rows)

    async def save(self, reaction: Reaction) -> bool:
        changed = update(reactions).where(reactions.c.id == reaction.id).values(**msgspec.structs.asdict(reaction))
        return (await self._connection.execute(changed)).rowcount == 1

    async def remove(self, ids: Collection[str]) -> None:
        await self._connection.execute(delete(reactions).where(reactions.c.id.in_(ids)))

    async def reaction(self, id: str) -> Reaction | None:
        return await self._one(Reaction, select(reactions).where(reactions.c.id == id).with_for_update())

    async def reactions(self, page: PageRequest, state: ReactionState | None) -> Page[Reaction]:
        query = select(reactions).order_by(*_ORDER).limit(page.limit + 1)
        if state is not None:
            query = query.where(reactions.c.state == state)
        if page.after is not None:
            query = query.where(_after(page.after))
        rows = [noun(Reaction, row) for row in (await self._connection.execute(query)).mappings()]
        return page_of([(f"{row.number}.{row.place}", row) for row in rows], page.limit)

    async def abouts(self) -> frozenset[tuple[str, str]]:
        query = select(reactions.c.tenant, reactions.c.about).distinct()
        return frozenset((row.tenant, row.about) for row in await self._connection.execute(query))

    async def standings(self) -> list[HandlerBacklog]:
        columns = (reactions.c.handler, reactions.c.state)
        oldest = func.min(reactions.c.since).label("oldest")
        query = select(*columns, func.count().label("count"), oldest).group_by(*columns).order_by(*columns)
        return [noun(HandlerBacklog, row) for row in (await self._connection.execute(query)).mappings()]

    async def leaving(self, tenant: str) -> bool:
        query = select(tenants.c.deleted_at).where(tenants.c.id == tenant)
        return (await self._connection.execute(query)).scalar() is not None


def _after(cursor: str) -> ColumnElement[bool]:
    number, _, place = cursor.partition(".")
    if not (number.isdecimal() and place.isdecimal() and cursor.isascii() and len(cursor) < 30):
        raise InvalidArgument("the cursor is not of this listing: repeat it from its start")
    return tuple_(*_ORDER) > tuple_(int(number), int(place))
