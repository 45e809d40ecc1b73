"""The books in SQL: blocks of events with their sums, see bms.control.billing.blocks.

A sum over some time adds up blocks that lie in it wholly, and the events of those that lie across an end of it.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, RowMapping, cast, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from bms.adapters.sql.store import Repository, noun
from bms.adapters.sql.tables.usage import usage_blocks, usage_sources
from bms.control.billing.blocks import SPAN_NS, UsageBlock, unpack
from bms.control.billing.nouns import Dimension, UsageFilter, UsageSum
from bms.core.errors import InvalidArgument
from bms.core.pages import Page, PageRequest, page_of
from bms.core.usage import UsageEvent

_c = usage_blocks.c
_SPANS: dict[Dimension, int] = {"day": 86_400 * 10**9, "hour": 3_600 * 10**9}
_SUMMED = ("requests", "ok", "rows", "bytes_in", "bytes_out", "compute_ns")
_FETCHED = 20  # blocks at a time
_Position = tuple[int, str, int]  # at, source, seq: the order of events


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

    async def add(self, source: str, blocks: Sequence[UsageBlock], last: int) -> None:
        await self._connection.execute(insert(usage_blocks), [msgspec.structs.asdict(block) for block in blocks])
        mine = usage_sources.c.source == source
        await self._connection.execute(update(usage_sources).where(mine).values(seq=last))

    async def sums(self, tenant: str, wanted: UsageFilter, by: Sequence[Dimension]) -> list[UsageSum]:
        labels = _labels(tenant, wanted)
        groups = [_group(dimension).label(f"by_{dimension}") for dimension in by]
        sums = [func.sum(_c[name]) for name in _SUMMED]
        query = select(*groups, *sums).where(*labels, *_wholly_in(wanted)).group_by(*groups)
        found: dict[tuple[Any, ...], list[int]] = {}
        for row in await self._connection.execute(query):
            found[tuple(row[: len(by)])] = [int(value or 0) for value in row[len(by) :]]
        if crossing := _crossing_an_end(wanted):
            rows = (await self._connection.execute(select(usage_blocks).where(*labels, or_(*crossing)))).mappings()
            for event in _events(rows, wanted):
                _count(found.setdefault(tuple(_value(event, dimension) for dimension in by), [0] * len(_SUMMED)), event)
        return [_sum(name, by, found[name]) for name in sorted(found)]

    async def events(self, tenant: str, wanted: UsageFilter, page: PageRequest) -> Page[UsageEvent]:
        before = None if page.after is None else _parse(page.after)
        where = [*_labels(tenant, wanted), *_reaching(wanted, before)]
        found: list[UsageEvent] = []
        async with aclosing(self._latest_first(where)) as rows:
            async for row in rows:
                if len(found) > page.limit and found[-1].at > row["last_at"]:
                    break  # this block and all after it are older than what the page holds
                found += [event for event in _events([row], wanted) if before is None or _place(event) < before]
                if len(found) > page.limit:
                    found.sort(key=_place, reverse=True)
                    del found[page.limit + 1 :]
        found.sort(key=_place, reverse=True)
        return page_of([(f"{event.at}:{event.seq}:{event.source}", event) for event in found], page.limit)

    async def _latest_first(self, where: Iterable[ColumnElement[bool]]) -> AsyncGenerator[RowMapping, None]:
        """Blocks, read some at a time."""
        query = select(usage_blocks).where(*where).order_by(_c.last_at.desc()).execution_options(yield_per=_FETCHED)
        async with self._connection.stream(query) as blocks:
            async for rows in blocks.mappings().partitions():
                for row in rows:
                    yield row


def _labels(tenant: str, wanted: UsageFilter) -> list[ColumnElement[bool]]:
    where = [_c.tenant == tenant]
    if wanted.key is not None:
        where.append(_c.key == wanted.key)
    if wanted.deployment is not None:
        where.append(_c.deployment == wanted.deployment)
    if wanted.model is not None:
        where.append(_c.model == wanted.model)
    if wanted.version is not None:
        where.append(_c.version == literal(wanted.version, BigInteger))
    return where


def _wholly_in(wanted: UsageFilter) -> Iterator[ColumnElement[bool]]:
    """Of blocks all of whose events are in the time wanted. The last condition of each serves the index."""
    if wanted.start is not None:
        yield _c.first_at >= _nanoseconds(wanted.start)
        yield _c.last_at >= _nanoseconds(wanted.start)
    if wanted.end is not None:
        yield _c.last_at < _nanoseconds(wanted.end)


def _crossing_an_end(wanted: UsageFilter) -> list[ColumnElement[bool]]:
    """Of blocks that have events before `start` and from then on, or before `end` and from then on."""
    times = [_nanoseconds(time) for time in (wanted.start, wanted.end) if time is not None]
    return [(_c.first_at < time) & (_c.last_at >= time) & (_c.last_at < _span_end(time)) for time in times]


def _reaching(wanted: UsageFilter, before: _Position | None) -> Iterator[ColumnElement[bool]]:
    """Of blocks that may have events in the time wanted and up to `before`."""
    if wanted.start is not None:
        yield _c.last_at >= _nanoseconds(wanted.start)
    latest = [] if wanted.end is None else [_nanoseconds(wanted.end)]
    if before is not None:
        latest.append(before[0])
    if latest:
        yield _c.first_at <= min(latest)
        yield _c.last_at < _span_end(min(latest))


def _span_end(time: int) -> int:
    """No block that begins at `time` or before, and within its span, has events from here on."""
    return (time // SPAN_NS + 1) * SPAN_NS


def _events(rows: Iterable[Any], wanted: UsageFilter) -> Iterator[UsageEvent]:
    """Those of these blocks that are in the time wanted."""
    start = None if wanted.start is None else _nanoseconds(wanted.start)
    end = None if wanted.end is None else _nanoseconds(wanted.end)
    for row in rows:
        for event in unpack(noun(UsageBlock, row)):
            if (start is None or event.at >= start) and (end is None or event.at < end):
                yield event


def _group(dimension: Dimension) -> ColumnElement[Any]:
    span = _SPANS.get(dimension)
    return _c[dimension] if span is None else cast(_c.first_at - _c.first_at % span, BigInteger)


def _value(event: UsageEvent, dimension: Dimension) -> object:
    """What `_group` gives for the block of `event`."""
    span = _SPANS.get(dimension)
    return getattr(event, dimension) if span is None else event.at - event.at % span


def _count(sums: list[int], event: UsageEvent) -> None:
    amounts = (1, event.status < 400, event.rows, event.bytes_in, event.bytes_out, event.compute_ns)
    for place, amount in enumerate(amounts):
        sums[place] += amount


def _sum(name: Sequence[Any], by: Sequence[Dimension], sums: Sequence[int]) -> UsageSum:
    fields: dict[str, Any] = dict(zip(_SUMMED, sums, strict=True))
    for dimension, value in zip(by, name, strict=True):
        fields[dimension] = _time(value) if dimension in _SPANS else value
    return UsageSum(errors=fields["requests"] - fields["ok"], **fields)


def _time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(int(nanoseconds) // 10**9, UTC)


def _nanoseconds(time: datetime) -> int:
    whole = int(time.timestamp() // 1)
    return whole * 10**9 + time.microsecond * 1000


def _place(event: UsageEvent) -> _Position:
    return event.at, event.source, event.seq


def _parse(cursor: str) -> _Position:
    at, seq, source = [*cursor.split(":", 2), "", ""][:3]
    if not (at.isdecimal() and seq.isdecimal()):
        raise InvalidArgument("the cursor is not of this listing: repeat it from its start")
    return int(at), source, int(seq)
