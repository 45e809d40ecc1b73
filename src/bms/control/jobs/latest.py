"""Finds the newest of several ended jobs that did the same: only its result counts."""

from collections.abc import Callable

from bms.control.jobs.nouns import Job
from bms.control.jobs.service import JobService
from bms.control.platform.sweeps import Since


async def newest_ended(jobs: JobService, kind: str, since: Since, same: Callable[[Job], str]) -> list[Job]:
    """The newest job by subject and by what `same` returns, of all tenants' jobs of one kind that ended in the time
    that is swept. The others are settled by it, and none that is settled is looked at."""
    newest: dict[tuple[str, str, str], Job] = {}
    for tenant, id in await jobs.ended((kind,), since.after, since.before):
        job = None if id in since.settled else await jobs.find(tenant, id)
        if job is None:
            continue
        key = (tenant, job.spec.subject, same(job))
        if (past := newest.get(key)) is not None:
            since.settled.add(past.id)
        newest[key] = job
    return list(newest.values())
