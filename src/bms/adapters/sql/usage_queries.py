"""Conditions that select the blocks of usage a query needs, on a table of blocks (old ones, or present ones)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Table, cast, func, literal, literal_column

from bms.control.billing.blocks import SPAN_NS
from bms.control.billing.nouns import Label, UsageFilter, nanoseconds
from bms.core.usage import UsageEvent

SPANS: dict[Label, int] = {"day": 86_400 * 10**9, "hour": 3_600 * 10**9}
_HALF: ColumnElement[int] = literal_column("32")
_LOWER: ColumnElement[int] = literal_column(str((1 << 32) - 1), BigInteger)
Position = tuple[int, str, int]  # at, source, seq: the order of events


def labels(table: Table, tenant: str, wanted: UsageFilter) -> list[ColumnElement[bool]]:
    """The labels that every event of a block shares."""
    c = table.c
    where = [c.tenant == tenant]
    if wanted.key is not None:
        where.append(c.key == wanted.key)
    if wanted.deployment is not None:
        where.append(c.deployment == wanted.deployment)
    if wanted.model is not None:
        where.append(c.model == wanted.model)
    if wanted.version is not None:
        where.append(c.version == literal(wanted.version, BigInteger))
    return where


def wholly_in(table: Table, wanted: UsageFilter) -> Iterator[ColumnElement[bool]]:
    """Selects blocks all of whose events are in the time wanted. The last condition of each serves the index."""
    if wanted.start is not None:
        yield table.c.first_at >= nanoseconds(wanted.start)
        yield table.c.last_at >= nanoseconds(wanted.start)
    if wanted.end is not None:
        yield table.c.last_at < nanoseconds(wanted.end)


def crossing_an_end(table: Table, wanted: UsageFilter) -> list[ColumnElement[bool]]:
    """Selects blocks that have events before `start` and from then on, or before `end` and from then on."""
    c = table.c
    times = [nanoseconds(time) for time in (wanted.start, wanted.end) if time is not None]
    return [(c.first_at < time) & (c.last_at >= time) & (c.last_at < _span_end(time)) for time in times]


def reaching(table: Table, wanted: UsageFilter, before: Position | None) -> Iterator[ColumnElement[bool]]:
    """Selects blocks that may have events in the time wanted and up to `before`."""
    if wanted.start is not None:
        yield table.c.last_at >= nanoseconds(wanted.start)
    latest = [] if wanted.end is None else [nanoseconds(wanted.end)]
    if before is not None:
        latest.append(before[0])
    if latest:
        yield table.c.first_at <= min(latest)
        yield table.c.last_at < _span_end(min(latest))


def _span_end(time: int) -> int:
    """No block that begins at `time` or before, and within its span, has events from here on."""
    return (time // SPAN_NS + 1) * SPAN_NS


def group(table: Table, dimension: Label) -> ColumnElement[Any]:
    span = SPANS.get(dimension)
    if dimension == "revision" and dimension not in table.c:
        return table.c.version * literal_column("0")  # a bare 0 would be a place to GROUP BY
    return table.c[dimension] if span is None else cast(table.c.first_at - table.c.first_at % span, BigInteger)


def halves(column: Column[int]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Sums a column of numbers of 63 bits, in two halves: SQLite adds in 64 bits, and fails where that is too
    little."""
    number = cast(column, BigInteger)
    return func.sum(number.op(">>")(_HALF)), func.sum(number.op("&")(_LOWER))


def joined(upper: Any, lower: Any) -> int:
    """Joins the two halves of a sum."""
    return (int(upper) << 32) + int(lower)


def value(event: UsageEvent, dimension: Label) -> object:
    """The value of `group` for the block of `event`."""
    span = SPANS.get(dimension)
    return getattr(event, dimension) if span is None else event.at - event.at % span


def shown(dimension: Label, grouped: Any) -> Any:
    """Formats a value of `group` for people."""
    return datetime.fromtimestamp(int(grouped) // 10**9, UTC) if dimension in SPANS else grouped
