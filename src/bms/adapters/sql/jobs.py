"""Jobs in SQL."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import func, or_, select, update

from bms.adapters.sql.datasets_needed import hold
from bms.adapters.sql.store import Repository, noun
from bms.adapters.sql.tables.jobs import jobs
from bms.control.jobs.nouns import TERMINAL, Job, JobState
from bms.control.jobs.ports import References
from bms.core.errors import InvalidArgument
from bms.core.pages import Page, PageRequest, page_of

_LIVE = sorted(set(get_args(JobState)) - TERMINAL)
_ACTIVE = ["running", "starting"]


class SqlJobs(Repository):
    """`JobsTx` on SQL."""

    async def job(self, tenant: str, id: str) -> Job | None:
        return await self._one(Job, select(jobs).where(jobs.c.tenant == tenant, jobs.c.id == id))

    async def jobs(
        self,
        tenant: str,
        page: PageRequest,
        *,
        state: JobState | None = None,
        kind: str | None = None,
        subject: str | None = None,
    ) -> Page[Job]:
        query = select(jobs).where(jobs.c.tenant == tenant).order_by(jobs.c.number.desc()).limit(page.limit + 1)
        for column, wanted in ((jobs.c.state, state), (jobs.c.kind, kind), (jobs.c.subject, subject)):
            if wanted is not None:
                query = query.where(column == wanted)
        if page.after is not None:
            query = query.where(jobs.c.number < _number(page.after))
        rows = (await self._connection.execute(query)).mappings()
        return page_of([(str(row["number"]), noun(Job, row)) for row in rows], page.limit)

    async def unended(self, tenant: str) -> list[Job]:
        query = select(jobs).where(jobs.c.tenant == tenant, jobs.c.state.in_(_LIVE)).order_by(jobs.c.number)
        return await self._all(Job, query)

    async def ended(self, kinds: Collection[str], after: datetime, before: datetime) -> list[tuple[str, str]]:
        mine = (jobs.c.kind.in_(kinds), jobs.c.ended_at > after, jobs.c.ended_at < before)
        query = select(jobs.c.tenant, jobs.c.id).where(*mine).order_by(jobs.c.number)
        return [(row.tenant, row.id) for row in await self._connection.execute(query)]

    async def add_job(self, job: Job) -> None:
        await hold(self._connection, job.tenant, {each.reference: each.tree for each in job.spec.inputs})
        more = {"kind": job.spec.kind, "subject": job.spec.subject}
        await self._insert(jobs, job, f"a job {job.id!r} exists already", **more)

    async def locked(self, tenant: str, id: str) -> Job | None:
        query = select(jobs).where(jobs.c.tenant == tenant, jobs.c.id == id).with_for_update()
        return await self._one(Job, query)

    async def held(self, id: str, token: int) -> Job | None:
        mine = (jobs.c.id == id, jobs.c.token == token, jobs.c.state.in_(_LIVE))
        return await self._one(Job, select(jobs).where(*mine).with_for_update())

    async def save_job(self, job: Job) -> Job:
        mine = (jobs.c.tenant == job.tenant, jobs.c.id == job.id, jobs.c.token == job.token)
        return await self._save(jobs, job, *mine)

    async def live(self, now: datetime, queued_per_tenant: int) -> list[Job]:
        place = func.row_number().over(partition_by=jobs.c.tenant, order_by=jobs.c.number).label("place")
        due = or_(jobs.c.run_at.is_(None), jobs.c.run_at <= now)
        queued = select(jobs.c.number, place).where(jobs.c.state == "queued", due).subquery()
        first = select(queued.c.number).where(queued.c.place <= queued_per_tenant)
        query = select(jobs).where(or_(jobs.c.state.in_(_ACTIVE), jobs.c.number.in_(first))).order_by(jobs.c.number)
        return await self._all(Job, query)

    async def next_due(self, now: datetime) -> datetime | None:
        query = select(func.min(jobs.c.run_at)).where(jobs.c.state == "queued", jobs.c.run_at > now)
        due: datetime | None = (await self._connection.execute(query)).scalar()
        return due

    async def claim(self, job: Job) -> Job | None:
        return await self._claimed(
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.token == job.token)
            .where(jobs.c.state == "queued", jobs.c.cancel_requested.is_(False))
            .values(state="starting", attempt=jobs.c.attempt + 1, message="", run_at=None)
            .values(token=jobs.c.token + 1, revision=jobs.c.revision + 1)
        )

    async def adopt(self, job: Job) -> Job | None:
        return await self._claimed(
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.token == job.token, jobs.c.state.in_(_ACTIVE))
            .values(token=jobs.c.token + 1, revision=jobs.c.revision + 1)
        )

    async def references(self, tenant: str) -> References:
        query = select(jobs).where(jobs.c.tenant == tenant)
        trees: set[str] = set()
        blobs: set[str] = set()
        for job in await self._all(Job, query):
            trees.update(_trees(job))
            blobs.update(digest for digest in (job.log, job.events) if digest is not None)
        return References(trees=frozenset(trees), blobs=frozenset(blobs))

    async def _claimed(self, statement: Any) -> Job | None:
        row = (await self._connection.execute(statement.returning(jobs))).mappings().first()
        return None if row is None else noun(Job, row)


def _trees(job: Job) -> Iterator[str]:
    if not job.ended:
        yield from (given.tree for given in job.spec.inputs)
    yield from (digest for digest in (job.spec.code, job.output, job.checkpoint) if digest is not None)


def _number(cursor: str) -> int:
    if not cursor.isdecimal():
        raise InvalidArgument("the cursor is not of this listing: repeat it from its start")
    return int(cursor)
