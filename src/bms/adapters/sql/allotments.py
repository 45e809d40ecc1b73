"""Allotments in SQL, for billing; every `Repository` opens and closes them."""

from collections.abc import Mapping

from sqlalchemy import delete, or_, select, update

from bms.adapters.sql.store import Repository
from bms.adapters.sql.tables.allotments import allotments
from bms.control.billing.nouns import UnbilledAllotment
from bms.core.meters import Held


class SqlAllotments(Repository):
    """The part of `UsageTx` for time that is not billed yet."""

    async def unbooked(self, tenant: str) -> list[UnbilledAllotment]:
        query = select(allotments).where(allotments.c.tenant == tenant).order_by(allotments.c.number)
        return await self._all(UnbilledAllotment, query)

    async def due(self, ends: Mapping[Held, int], limit: int) -> list[UnbilledAllotment]:
        c = allotments.c
        behind = [(c.of == of) & (c.booked_until < end) for of, end in ends.items()]
        query = select(allotments).where(or_(c.closed_at.is_not(None), *behind)).order_by(c.number).limit(limit)
        return await self._all(UnbilledAllotment, query)

    async def book(self, one: UnbilledAllotment, until: int) -> None:
        this = allotments.c.number == one.number
        if one.closed_at is not None and until >= one.closed_at:
            await self._connection.execute(delete(allotments).where(this))
        else:
            await self._connection.execute(update(allotments).where(this).values(booked_until=until))
