"""Usage in SQL: blocks of events with their sums, see bms.control.billing.blocks.

A sum over some time adds up blocks that lie in it wholly, and the events of those that lie across an end of it. Blocks
of format 1 have a table of their own; every question is put to both.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from itertools import starmap
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Table, and_, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from bms.adapters.sql.allotments import SqlAllotments
from bms.adapters.sql.tables.usage import request_blocks, request_quantities, usage_blocks, usage_sources, usage_unread
from bms.adapters.sql.usage_queries import (
    Position,
    crossing_an_end,
    group,
    halves,
    joined,
    labels,
    reaching,
    shown,
    value,
    wholly_in,
)
from bms.control.billing.blocks import UsageBlock
from bms.control.billing.nouns import Label, UnreadUsageRun, UsageFilter, UsageSum, nanoseconds
from bms.control.billing.unpacking import unpack
from bms.core.errors import InvalidArgument
from bms.core.meters import OF_EVERY_REQUEST, REQUESTS
from bms.core.pages import Page, PageRequest, page_of
from bms.core.usage import UsageEvent, quantities

_BLOCKS = (usage_blocks, request_blocks)
_OK = "ok"  # of the requests; no meter
_FETCHED = 20  # blocks at a time
_Found = dict[tuple[Any, ...], Counter[str]]  # sums by meter, by group


class SqlUsage(SqlAllotments):
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
        await self.insert(blocks)
        mine = usage_sources.c.source == source
        await self._connection.execute(update(usage_sources).where(mine).values(seq=last))

    async def insert(self, blocks: Sequence[UsageBlock]) -> None:
        if not blocks:
            return
        await self._connection.execute(insert(request_blocks), [_row(block) for block in blocks])
        further = [
            {"source": block.source, "seq": block.seq, "meter": meter, "quantity": quantity}
            for block in blocks
            for meter, quantity in block.more.items()
        ]
        if further:
            await self._connection.execute(insert(request_quantities), further)

    async def put_aside(self, unread: Sequence[UnreadUsageRun]) -> None:
        await self._connection.execute(insert(usage_unread), [msgspec.structs.asdict(one) for one in unread])

    async def unread(self, version: int, after: tuple[str, int], limit: int) -> list[UnreadUsageRun]:
        c = usage_unread.c
        query = select(usage_unread).where(c.version <= version, tuple_(c.source, c.first) > tuple_(*after))
        return await self._all(UnreadUsageRun, query.order_by(c.source, c.first).limit(limit))

    async def unread_events(self) -> int:
        number = func.sum(usage_unread.c.last - usage_unread.c.first + 1)
        return int((await self._connection.execute(select(number))).scalar() or 0)

    async def take_unread(self, one: UnreadUsageRun) -> bool:
        c = usage_unread.c
        taken = delete(usage_unread).where(c.source == one.source, c.first == one.first)
        return (await self._connection.execute(taken)).rowcount == 1

    async def sums(
        self, tenant: str, wanted: UsageFilter, by: Sequence[Label], beside: Iterable[UsageEvent] = ()
    ) -> list[UsageSum]:
        found: _Found = {}
        for table in _BLOCKS:
            await self._add_blocks(found, table, tenant, wanted, by)
        await self._add_further(found, tenant, wanted, by)
        _add_events(found, (event for event in beside if wanted.matches(event)), by)
        if not by:
            found.setdefault((), Counter())
        return [_sum(name, by, found[name]) for name in sorted(found)]

    async def events(self, tenant: str, wanted: UsageFilter, page: PageRequest) -> Page[UsageEvent]:
        before = None if page.after is None else _parse(page.after)
        found: list[UsageEvent] = []
        async with AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(aclosing(self._latest_first(table, tenant, wanted, before)))
                for table in _BLOCKS
            ]
            async for block in _merged(streams):
                if len(found) > page.limit and found[-1].at > block.last_at:
                    break  # this block and all after it are older than what the page holds
                found += [event for event in _events([block], wanted) if before is None or _place(event) < before]
                if len(found) > page.limit:
                    found.sort(key=_place, reverse=True)
                    del found[page.limit + 1 :]
        found.sort(key=_place, reverse=True)
        return page_of([(f"{event.at}:{event.seq}:{event.source}", event) for event in found], page.limit)

    async def _add_blocks(
        self, found: _Found, table: Table, tenant: str, wanted: UsageFilter, by: Sequence[Label]
    ) -> None:
        mine = labels(table, tenant, wanted)
        names = [name for name in (REQUESTS, _OK, *OF_EVERY_REQUEST) if name in table.c]
        groups = [group(table, dimension).label(f"by_{dimension}") for dimension in by]
        sums = [half for name in names for half in halves(table.c[name])]
        whole = (*wholly_in(table, wanted), *_of_one_revision(table, by))
        query = select(*groups, *sums).where(*mine, *whole).group_by(*groups)
        for row in await self._connection.execute(query):
            if row[len(by)] is not None:
                sums_of = zip(row[len(by) :: 2], row[len(by) + 1 :: 2], strict=True)
                _add(found, tuple(row[: len(by)]), zip(names, starmap(joined, sums_of), strict=True))
        in_part = crossing_an_end(table, wanted)
        if _of_one_revision(table, by):
            in_part.append(and_(table.c.revision.is_(None), *wholly_in(table, wanted)))
        if in_part:
            query = select(table).where(*mine, or_(*in_part)).execution_options(yield_per=_FETCHED)
            async with self._connection.stream(query) as blocks:
                async for rows in blocks.mappings().partitions():
                    _add_events(found, _events([_block(table, row) for row in rows], wanted), by)

    async def _add_further(self, found: _Found, tenant: str, wanted: UsageFilter, by: Sequence[Label]) -> None:
        blocks, more = request_blocks, request_quantities
        groups = [group(blocks, dimension).label(f"by_{dimension}") for dimension in by]
        query = (
            select(*groups, more.c.meter, *halves(more.c.quantity))
            .join_from(blocks, more, (blocks.c.source == more.c.source) & (blocks.c.seq == more.c.seq))
            .where(blocks.c.has_more, *labels(blocks, tenant, wanted), *wholly_in(blocks, wanted))
            .where(*_of_one_revision(blocks, by))
            .group_by(*groups, more.c.meter)
        )
        for *name, meter, upper, lower in await self._connection.execute(query):
            _add(found, tuple(name), [(meter, joined(upper, lower))])

    async def _latest_first(
        self, table: Table, tenant: str, wanted: UsageFilter, before: Position | None
    ) -> AsyncGenerator[UsageBlock, None]:
        """Blocks, read some at a time."""
        where: list[ColumnElement[bool]] = [*labels(table, tenant, wanted), *reaching(table, wanted, before)]
        query = select(table).where(*where).order_by(table.c.last_at.desc()).execution_options(yield_per=_FETCHED)
        async with self._connection.stream(query) as blocks:
            async for rows in blocks.mappings().partitions():
                for row in rows:
                    yield _block(table, row)


def _of_one_revision(table: Table, by: Sequence[Label]) -> list[ColumnElement[bool]]:
    """Of blocks that can be grouped as wholes: of those of before blocks were made by revision, each event says its."""
    return [table.c.revision.is_not(None)] if "revision" in by and "revision" in table.c else []


async def _merged(streams: Iterable[AsyncGenerator[UsageBlock, None]]) -> AsyncGenerator[UsageBlock, None]:
    """All of them, the one whose last event is the latest first, as in each stream."""
    heads = [(block, stream) for stream in streams if (block := await anext(stream, None)) is not None]
    while heads:
        at = max(range(len(heads)), key=lambda place: heads[place][0].last_at)
        block, stream = heads.pop(at)
        yield block
        if (following := await anext(stream, None)) is not None:
            heads.append((following, stream))


def _row(block: UsageBlock) -> dict[str, Any]:
    row = msgspec.structs.asdict(block)
    row["has_more"] = bool(row.pop("more"))
    return row


def _block(table: Table, row: RowMapping) -> UsageBlock:
    """Without its sums of further meters, which nobody needs who reads its events."""
    if table is request_blocks:
        return UsageBlock(**{name: each for name, each in row.items() if name != "has_more"})
    return UsageBlock(format=1, **row)


def _events(blocks: Iterable[UsageBlock], wanted: UsageFilter) -> Iterator[UsageEvent]:
    """Those of these blocks that are in the time wanted."""
    start = None if wanted.start is None else nanoseconds(wanted.start)
    end = None if wanted.end is None else nanoseconds(wanted.end)
    for block in blocks:
        for event in unpack(block):
            if (start is None or event.at >= start) and (end is None or event.at < end):
                yield event


def _add(found: _Found, name: tuple[Any, ...], amounts: Iterable[tuple[str, int]]) -> None:
    sums = found.setdefault(name, Counter())
    for meter, amount in amounts:
        sums[meter] += amount


def _add_events(found: _Found, events: Iterable[UsageEvent], by: Sequence[Label]) -> None:
    for event in events:
        ok = event.of == "requests" and event.status < 400
        _add(found, tuple(value(event, label) for label in by), {_OK: ok, **quantities(event)}.items())


def _sum(name: Sequence[Any], by: Sequence[Label], sums: Counter[str]) -> UsageSum:
    ok = sums.pop(_OK, 0)
    fields: dict[str, Any] = {dimension: shown(dimension, each) for dimension, each in zip(by, name, strict=True)}
    fields |= {meter: sums[meter] for meter in ("requests", "rows", "bytes_in", "bytes_out", "compute_ns")}
    fields["quantities"] = {meter: sums[meter] for meter in sorted(sums) if sums[meter]}
    return UsageSum(ok=ok, errors=fields["requests"] - ok, **fields)


def _place(event: UsageEvent) -> Position:
    return event.at, event.source, event.seq


def _parse(cursor: str) -> Position:
    at, seq, source = [*cursor.split(":", 2), "", ""][:3]
    if not (at.isdecimal() and seq.isdecimal()):
        raise InvalidArgument("the cursor is not of this listing: repeat it from its start")
    return int(at), source, int(seq)
