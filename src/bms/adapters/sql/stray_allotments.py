"""Finds allotments that don't match what exists: left open by a process that knew nothing of them, such as a former
release, or missing since what holds is older than they are. Each is found by the state of what it is of."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, Table, cast, exists, or_, select, update

from bms.adapters.sql.store import Repository, noun
from bms.adapters.sql.tables.allotments import allotments
from bms.adapters.sql.tables.datasets import dataset_versions
from bms.adapters.sql.tables.deployments import deployments, replicas
from bms.adapters.sql.tables.events import leases
from bms.adapters.sql.tables.jobs import jobs
from bms.adapters.sql.tables.models import versions
from bms.control.datasets.nouns import DatasetVersion
from bms.control.datasets.storage import held_by as held_by_dataset
from bms.control.deployments.nouns import Replica
from bms.control.deployments.planning.records import ENDED
from bms.control.deployments.reconciliation.replica_launcher import held_by as held_by_replica
from bms.control.jobs.allotted import held_by as held_by_attempt
from bms.control.jobs.nouns import Job
from bms.control.models.nouns import Version
from bms.control.models.storage import held_by as held_by_version
from bms.control.platform.allotments import Allotment, milliseconds
from bms.core.meters import Held


class SqlStrayAllotments(Repository):
    """`StraysTx` on SQL."""

    async def close_strays(self, at: datetime) -> int:
        # One statement sees one state: whoever starts or ends something changes both rows in one transaction.
        c = allotments.c
        strays = or_(*((c.of == of) & ~or_(*(exists().where(each) for each in live)) for of, live in _LIVE.items()))
        closed = update(allotments).where(c.closed_at.is_(None), strays).values(closed_at=milliseconds(at))
        return (await self._connection.execute(closed)).rowcount

    async def close_unseen(self, running: Collection[str], at: datetime) -> int:
        c = allotments.c
        unseen = (c.closed_at.is_(None), c.of.in_(["jobs", "replicas"]), c.subject.not_in(running))
        closed = update(allotments).where(*unseen).values(closed_at=milliseconds(at))
        return (await self._connection.execute(closed)).rowcount

    async def led(self, lease: str) -> tuple[str, datetime] | None:
        query = select(leases.c.holder, leases.c.expires_at).where(leases.c.name == lease)
        row = (await self._connection.execute(query)).first()
        return None if row is None else (row.holder, row.expires_at)

    async def open_missing(self, at: datetime, limit: int, device_memory: int) -> int:
        found: list[Allotment] = []
        for table, query in _candidates():
            # Held, so that nobody ends what is opened here before it is.
            rows = await self._connection.execute(query.limit(limit).with_for_update(of=table))
            found += _held(table, rows.mappings(), device_memory)
        for each in found:
            await self.open_allotment(each, at)
        return len(found)


_subject = allotments.c.subject
_attempt = jobs.c.id + "-a" + cast(jobs.c.attempt, String)  # as `Job.workload`
_LIVE: dict[Held, list[ColumnElement[bool]]] = {
    "replicas": [(replicas.c.id == _subject) & replicas.c.state.not_in(sorted(ENDED))],
    "jobs": [jobs.c.state.in_(["running", "starting"]) & (_attempt == _subject)],
    "storage": [
        (versions.c.id == _subject) & versions.c.state.not_in(["deleted", "uploading"]),
        (dataset_versions.c.id == _subject) & (dataset_versions.c.state == "ready"),
        (jobs.c.id == _subject) & jobs.c.output.is_not(None),
    ],
}


def _candidates() -> Iterator[tuple[Table, Select[Any]]]:
    """What runs or is kept, and has no allotment. Not replicas and attempts that start, whose start opens theirs."""
    of_replicas = select(replicas, deployments.c.spec).join(deployments, replicas.c.deployment == deployments.c.id)
    yield replicas, of_replicas.where(replicas.c.state.in_(["draining", "ready"]), _lacks("replicas", replicas.c.id))
    yield jobs, select(jobs).where(jobs.c.state == "running", _lacks("jobs", _attempt))
    kept = versions.c.state.in_(["offline", "ready", "verifying"]) & (versions.c.size > 0)
    yield versions, select(versions).where(kept, _lacks("storage", versions.c.id))
    imported = (dataset_versions.c.state == "ready") & (dataset_versions.c.size > 0)
    yield dataset_versions, select(dataset_versions).where(imported, _lacks("storage", dataset_versions.c.id))


def _lacks(of: Held, id: ColumnElement[str]) -> ColumnElement[bool]:
    return ~exists().where(allotments.c.of == of, _subject == id, allotments.c.closed_at.is_(None))


def _held(table: Table, rows: Iterable[Any], device_memory: int) -> Iterator[Allotment]:
    for row in rows:
        held = _of_row(table, row, device_memory)
        if held is not None:
            yield held


def _of_row(table: Table, row: Any, device_memory: int) -> Allotment | None:
    if table is replicas:
        return held_by_replica(noun(Replica, row), row["spec"], device_memory)
    if table is jobs:
        return held_by_attempt(noun(Job, row), device_memory)
    if table is versions:
        return held_by_version(noun(Version, row))
    return held_by_dataset(noun(DatasetVersion, row))
