"""Finds who uses which environment, from the rows of versions and jobs."""

import msgspec
from sqlalchemy import LargeBinary, func, select, type_coerce

from bms.adapters.sql.store import Repository
from bms.adapters.sql.tables.jobs import jobs
from bms.adapters.sql.tables.models import versions
from bms.control.environments.nouns import Use
from bms.control.jobs.nouns import TERMINAL
from bms.core.workloads.environments import EnvironmentSpec

RECENT = 500  # ended jobs whose environments are shown
_GONE = ("deleted", "rejected")


class _OfJob(msgspec.Struct):
    """The part of a job's spec that is read here."""

    environment: EnvironmentSpec = EnvironmentSpec()


_SPEC = msgspec.json.Decoder(EnvironmentSpec)
_OF_JOB = msgspec.json.Decoder(_OfJob)


class SqlEnvironmentUses(Repository):
    """`UsesTx` on SQL. Rows are read packed, and each environment is decoded once."""

    async def uses(self, tenant: str | None) -> list[Use]:
        packed = type_coerce(versions.c.environment, LargeBinary).label("packed")
        query = select(packed, func.count()).where(versions.c.state != "deleted").group_by(packed)
        recent = select(type_coerce(jobs.c.spec, LargeBinary)).where(jobs.c.state.in_(sorted(TERMINAL)))
        live = select(type_coerce(jobs.c.spec, LargeBinary)).where(jobs.c.state.not_in(sorted(TERMINAL)))
        if tenant is not None:
            query = query.where(versions.c.tenant == tenant)
            recent, live = recent.where(jobs.c.tenant == tenant), live.where(jobs.c.tenant == tenant)
        uses = [Use(spec=_SPEC.decode(row[0]), versions=row[1]) for row in await self._connection.execute(query)]
        for of_jobs in (live, recent.order_by(jobs.c.number.desc()).limit(RECENT)):
            specs = (await self._connection.execute(of_jobs)).scalars()
            uses += [Use(spec=_OF_JOB.decode(spec).environment, jobs=1) for spec in specs]
        return uses

    async def needed(self) -> list[EnvironmentSpec]:
        packed = type_coerce(versions.c.environment, LargeBinary)
        query = select(packed).where(versions.c.state.not_in(_GONE)).distinct()
        found = [_SPEC.decode(row) for row in (await self._connection.execute(query)).scalars()]
        live = select(type_coerce(jobs.c.spec, LargeBinary)).where(jobs.c.state.not_in(sorted(TERMINAL)))
        return found + [_OF_JOB.decode(spec).environment for spec in (await self._connection.execute(live)).scalars()]
