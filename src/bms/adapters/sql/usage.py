"""The books in SQL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, case, cast, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from bms.adapters.sql.store import Repository, noun
from bms.adapters.sql.tables.usage import usage_events, usage_sources
from bms.control.billing.nouns import Dimension, UsageFilter, UsageSum
from bms.core.errors import InvalidArgument
from bms.core.pages import Page, PageRequest, page_of
from bms.core.usage import UsageEvent

_c = usage_events.c
_SPANS: dict[Dimension, int] = {"day": 86_400 * 10**9, "hour": 3_600 * 10**9}
_SUMMED = ("rows", "bytes_in", "bytes_out", "compute_ns")


class SqlUsage(Repository):
    """`UsageTx` on SQL."""

    async def high_water(self, source: str) -> int:
        query = select(usage_sources.c.seq).where(usage_sources.c.source == source).with_for_update()
        high = (await self._connection.execute(query)).scalar()
        if high is None:
            try:
                async with self._connection.begin_nested():
                    await self._connection.execute(insert(usage_sources).values(source=source, seq=0))
            except IntegrityError:
                # Another connection ships for the same source; its transaction has ended now.
                high = (await self._connection.execute(query)).scalar_one()
        return high or 0

    async def add_events(self, source: str, events: Sequence[UsageEvent]) -> None:
        await self._connection.execute(insert(usage_events), [msgspec.structs.asdict(event) for event in events])
        mine = usage_sources.c.source == source
        await self._connection.execute(update(usage_sources).where(mine).values(seq=events[-1].seq))

    async def sums(self, tenant: str, wanted: UsageFilter, by: Sequence[Dimension]) -> list[UsageSum]:
        groups = [_group(dimension).label(f"by_{dimension}") for dimension in by]
        good = func.sum(case((_c.status < 400, 1), else_=0))
        query = (
            select(
                *groups,
                func.count().label("requests"),
                good.label("ok"),
                *(func.sum(_c[name]).label(name) for name in _SUMMED),
            )
            .where(*_matching(tenant, wanted))
            .group_by(*groups)
            .order_by(*groups)
        )
        rows = (await self._connection.execute(query)).mappings()
        return [_sum(row, by) for row in rows]

    async def events(self, tenant: str, wanted: UsageFilter, page: PageRequest) -> Page[UsageEvent]:
        order = (_c.at, _c.source, _c.seq)
        query = select(usage_events).where(*_matching(tenant, wanted)).order_by(*(column.desc() for column in order))
        if page.after is not None:
            query = query.where(tuple_(*order) < tuple_(*_position(page.after)))
        rows = (await self._connection.execute(query.limit(page.limit + 1))).mappings()
        found = [noun(UsageEvent, row) for row in rows]
        return page_of([(f"{event.at}:{event.seq}:{event.source}", event) for event in found], page.limit)


def _matching(tenant: str, wanted: UsageFilter) -> list[ColumnElement[bool]]:
    where = [_c.tenant == tenant]
    if wanted.key is not None:
        where.append(_c.key == wanted.key)
    if wanted.deployment is not None:
        where.append(_c.deployment == wanted.deployment)
    if wanted.model is not None:
        where.append(_c.model == wanted.model)
    if wanted.version is not None:
        where.append(_c.version == wanted.version)
    if wanted.start is not None:
        where.append(_c.at >= _nanoseconds(wanted.start))
    if wanted.end is not None:
        where.append(_c.at < _nanoseconds(wanted.end))
    return where


def _group(dimension: Dimension) -> ColumnElement[Any]:
    span = _SPANS.get(dimension)
    return _c[dimension] if span is None else cast(_c.at - _c.at % span, BigInteger)


def _sum(row: Any, by: Sequence[Dimension]) -> UsageSum:
    requests, ok = row["requests"], int(row["ok"] or 0)
    fields: dict[str, Any] = {name: int(row[name] or 0) for name in _SUMMED}
    for dimension in by:
        value = row[f"by_{dimension}"]
        fields[dimension] = _time(value) if dimension in _SPANS else value
    return UsageSum(requests=requests, ok=ok, errors=requests - ok, **fields)


def _time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(int(nanoseconds) // 10**9, UTC)


def _nanoseconds(time: datetime) -> int:
    whole = int(time.timestamp() // 1)
    return whole * 10**9 + time.microsecond * 1000


def _position(cursor: str) -> tuple[int, str, int]:
    at, seq, source = [*cursor.split(":", 2), "", ""][:3]
    if not (at.isdecimal() and seq.isdecimal()):
        raise InvalidArgument("the cursor is not of this listing: repeat it from its start")
    return int(at), source, int(seq)
