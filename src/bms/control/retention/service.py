"""Removing rows that nothing needs any more, page by page: a page is one transaction with the event that tells of it.

What blobs a job's row named is swept by the next collection (`models/collection.py`).
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import get_args

import msgspec

from bms.control.platform.transactions import Store
from bms.control.retention.events import RecordsRemoved
from bms.control.retention.nouns import ExpiredRecords, RecordKind, Retained
from bms.control.retention.plan import Cutoffs, cutoffs, events_to_remove
from bms.control.retention.ports import RetentionTx
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import PermissionDenied
from bms.core.events import Event
from bms.core.retention import RetentionPolicy

PAGE = 500  # rows that are removed in one transaction
LIMIT_S = 10.0  # how long one call of the API removes
MAY = "tenants:write"  # what owners have: rows of all tenants are removed


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    """What one transaction is to remove. `after` is where the next page begins, None where there is none."""

    jobs: list[str] = []
    events: list[int] = []
    after: int | None


class RetentionService:
    """`operator` is the tenant that may look and remove by hand; `reader` is whose position in the log says which
    events were handled. Two processes at once remove nothing twice."""

    def __init__(
        self, store: Store[RetentionTx], clock: Clock, policy: RetentionPolicy, *, operator: str, reader: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._operator = operator
        self._reader = reader
        self.removed: Counter[RecordKind] = Counter()  # by this process, since its start

    async def expired(self, by: Principal) -> Retained:
        """What would be removed now, which nothing is by asking."""
        self._require_operator(by)
        found: list[ExpiredRecords] = []
        async with self._store.read() as tx:
            before, upto = await self._cutoffs(tx)
            if before.jobs is not None:
                found += _told("jobs", await tx.count_jobs(before.jobs), before.jobs)
            if before.events is not None:
                found += _told("events", await tx.count_events(before.events, upto), before.events)
        return Retained(policy=self._policy, expired=tuple(found))

    async def prune(self, by: Principal) -> Retained:
        """Removes what is expired, for some seconds at most."""
        tenants = sorted({each.tenant for each in (await self.expired(by)).expired})
        return await self._remove(tenants, by.user, self._clock.monotonic() + LIMIT_S)

    async def step(self) -> Retained:
        """Removes all that is expired."""
        return await self._remove(await self._tenants(), "system", math.inf)

    async def _remove(self, tenants: Iterable[str], actor: str, until: float) -> Retained:
        """`until` in monotonic seconds."""
        async with self._store.read() as tx:
            before, upto = await self._cutoffs(tx)
        found: list[ExpiredRecords] = []
        kinds: list[tuple[RecordKind, datetime | None]] = [("jobs", before.jobs), ("events", before.events)]
        for tenant, (kind, cut) in itertools.product(tenants, kinds):
            if cut is not None:
                count, more = await self._remove_pages(kind, tenant, cut, upto, actor, until)
                found += _told(kind, {tenant: count}, cut)
                if more:
                    return Retained(policy=self._policy, expired=tuple(found), more=True)
        return Retained(policy=self._policy, expired=tuple(found))

    async def _remove_pages(
        self, kind: RecordKind, tenant: str, before: datetime, upto: int, actor: str, until: float
    ) -> tuple[int, bool]:
        """How many were removed, and whether there may be more, for which there was no time."""
        count, after = 0, 0
        while self._clock.monotonic() < until:
            page = await self._page(kind, tenant, before, upto, after)
            if page.jobs or page.events:
                count += await self._remove_page(kind, tenant, page, before, actor)
            if page.after is None:
                return count, False
            after = page.after
        return count, True

    async def _page(self, kind: RecordKind, tenant: str, before: datetime, upto: int, after: int) -> _Page:
        async with self._store.read() as tx:
            if kind == "jobs":
                ids = await tx.expired_jobs(tenant, before, PAGE)
                return _Page(jobs=ids, after=after if len(ids) == PAGE else None)  # those that are removed come no more
            old = events_to_remove(await tx.oldest_events(tenant, upto, after, PAGE), before, PAGE)
        return _Page(events=old.numbers, after=old.after)

    async def _remove_page(self, kind: RecordKind, tenant: str, page: _Page, before: datetime, actor: str) -> int:
        now = self._clock.now()
        async with self._store.write() as tx:
            count = await tx.remove_jobs(tenant, page.jobs, now) if page.jobs else 0
            count += await tx.remove_events(tenant, page.events) if page.events else 0
            if count:
                said = RecordsRemoved(count=count, before=before.isoformat(timespec="seconds"))
                await tx.emit(Event(payload=said, tenant=tenant, subject=kind, actor=actor, at=now))
        self.removed[kind] += count
        return count

    async def _cutoffs(self, tx: RetentionTx) -> tuple[Cutoffs, int]:
        """What may go by age, and up to which number events may. No job whose end was not handled yet."""
        before = cutoffs(self._policy, self._clock.now())
        unhandled = await tx.unhandled_since(self._reader)
        if before.jobs is not None and unhandled is not None:
            before = before._replace(jobs=min(before.jobs, unhandled))
        return before, await tx.done(self._reader)

    async def _tenants(self) -> list[str]:
        async with self._store.read() as tx:
            return await tx.tenants()

    def texts(self) -> Iterator[tuple[dict[str, str], str]]:
        """Prometheus text of what this process removed."""
        name = "bms_retention_removed_total"
        lines = [f'{name}{{kind="{kind}"}} {self.removed[kind]}\n' for kind in get_args(RecordKind)]
        yield {}, f"# HELP {name} Rows removed for their age, since the start.\n# TYPE {name} counter\n{''.join(lines)}"

    def _require_operator(self, by: Principal) -> None:
        if by.tenant != self._operator:
            raise PermissionDenied("only the operator's tenant may see or remove what is old: it is of all tenants")


def _told(kind: RecordKind, counts: Mapping[str, int], before: datetime) -> list[ExpiredRecords]:
    return [
        ExpiredRecords(kind=kind, tenant=tenant, count=count, before=before)
        for tenant, count in sorted(counts.items())
        if count
    ]
