"""Rows that may go for their age."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update

from bms.adapters.sql.audit import MADE
from bms.adapters.sql.store import Repository
from bms.adapters.sql.tables.allotments import allotments
from bms.adapters.sql.tables.events import events, positions, reactions
from bms.adapters.sql.tables.jobs import jobs
from bms.adapters.sql.tables.tenants import tenants
from bms.control.jobs.nouns import TERMINAL
from bms.control.platform.allotments import milliseconds
from bms.control.retention.plan import AgedEvent

_ENDED = jobs.c.state.in_(sorted(TERMINAL))
# What follows from a job's end keeps the order of what the job is about, or else of the job.
_OF_JOB = exists().where(
    reactions.c.tenant == jobs.c.tenant,
    or_(reactions.c.about == jobs.c.id, reactions.c.about == jobs.c.subject),
)
_OF_EVENT = exists().where(reactions.c.number == events.c.number)


class SqlRetention(Repository):
    """`RetentionTx` on SQL."""

    async def tenants(self) -> list[str]:
        return list((await self._connection.execute(select(tenants.c.id).order_by(tenants.c.id))).scalars())

    async def done(self, reader: str) -> int:
        newest = (await self._connection.execute(select(func.max(events.c.number)))).scalar() or 0
        return min(await self._position(reader), newest - 1)

    async def unhandled_since(self, reader: str) -> datetime | None:
        query = select(events.c.at).where(events.c.number > await self._position(reader))
        found: datetime | None = (await self._connection.execute(query.order_by(events.c.number).limit(1))).scalar()
        return found

    async def expired_jobs(self, tenant: str, before: datetime, limit: int) -> list[str]:
        query = select(jobs.c.id).where(jobs.c.tenant == tenant, *_expired(before)).order_by(jobs.c.number).limit(limit)
        return list((await self._connection.execute(query)).scalars())

    async def remove_jobs(self, tenant: str, ids: Collection[str], at: datetime) -> int:
        c = allotments.c
        outputs = (c.tenant == tenant, c.of == "storage", c.subject.in_(ids), c.closed_at.is_(None))
        await self._connection.execute(update(allotments).where(*outputs).values(closed_at=milliseconds(at)))
        gone = delete(jobs).where(jobs.c.tenant == tenant, jobs.c.id.in_(ids), _ENDED)
        return (await self._connection.execute(gone)).rowcount

    async def oldest_events(self, tenant: str, upto: int, after: int, limit: int) -> list[AgedEvent]:
        mine = (events.c.tenant == tenant, events.c.number > after, *_free(upto))
        query = select(events.c.number, events.c.at).where(*mine).order_by(events.c.number).limit(limit)
        return [AgedEvent(*row) for row in await self._connection.execute(query)]

    async def remove_events(self, tenant: str, numbers: Collection[int]) -> int:
        gone = delete(events).where(events.c.tenant == tenant, events.c.number.in_(numbers))
        return (await self._connection.execute(gone)).rowcount

    async def count_jobs(self, before: datetime) -> dict[str, int]:
        query = select(jobs.c.tenant, func.count()).where(*_expired(before)).group_by(jobs.c.tenant)
        return dict(map(tuple, await self._connection.execute(query)))

    async def count_events(self, before: datetime, upto: int) -> dict[str, int]:
        query = select(events.c.tenant, func.count()).where(events.c.at < before, *_free(upto))
        return dict(map(tuple, await self._connection.execute(query.group_by(events.c.tenant))))

    async def _position(self, reader: str) -> int:
        query = select(positions.c.number).where(positions.c.reader == reader)
        return (await self._connection.execute(query)).scalar() or 0


def _expired(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return _ENDED, jobs.c.ended_at < before, ~_OF_JOB


def _free(upto: int) -> tuple[ColumnElement[bool], ...]:
    return events.c.number <= upto, events.c.name.not_in(MADE), ~_OF_EVENT
