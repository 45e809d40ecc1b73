"""The books keep their contract on both databases."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from sqlalchemy import insert, update

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tables.usage import request_blocks, usage_blocks, usage_sources
from bms.adapters.sql.usage import SqlUsage
from bms.control.billing.nouns import UsageFilter, UsageSum
from bms.control.billing.service import UsageService
from bms.core.clock import ManualClock
from bms.core.errors import InvalidArgument
from bms.core.pages import PageRequest, decode_cursor
from bms.core.usage import VERSION, UnreadRun, UsageEvent, UsageRun, quantities, runs_of

START = datetime(2026, 3, 1, tzinfo=UTC)


def event(seq: int, source: str = "g0", **more: object) -> UsageEvent:
    plain = UsageEvent(
        source=source,
        seq=seq,
        at=int(START.timestamp()) * 10**9 + seq,
        tenant="acme",
        key="k",
        deployment="digits",
        model="m",
        version=1,
        request_id=f"r{seq}",
        status=200,
        rows=2,
        bytes_in=10,
        bytes_out=20,
        compute_ns=5 * 10**9,
    )
    return msgspec.structs.replace(plain, **more)


@pytest.fixture
def usage(database: Database) -> UsageService:
    return UsageService(SqlStore(database, SqlUsage), ManualClock())


async def ingest(usage: UsageService, source: str, events: list[UsageEvent]) -> int:
    return await usage.ingest(source, runs_of(events))


async def _count(usage: UsageService, tenant: str = "acme") -> int:
    return (await usage.sums(tenant, UsageFilter()))[0].requests


async def test_events_come_back_as_they_were_and_in_order_newest_first(usage: UsageService) -> None:
    events = [event(seq) for seq in (1, 2, 3)]
    assert await ingest(usage, "g0", events) == 3
    assert (await usage.events("acme", UsageFilter(), PageRequest())).items == events[::-1]


async def test_repeats_and_overlaps_count_once(usage: UsageService) -> None:
    assert await ingest(usage, "g0", [event(1), event(2)]) == 2
    assert await ingest(usage, "g0", [event(1), event(2)]) == 2
    assert await ingest(usage, "g0", [event(2), event(3)]) == 3
    assert await ingest(usage, "g1", [event(1, "g1")]) == 1
    assert await _count(usage) == 4


async def test_nothing_is_acknowledged_past_a_gap(usage: UsageService) -> None:
    assert await ingest(usage, "g0", [event(2)]) == 0
    assert await ingest(usage, "g0", [event(1), event(3)]) == 1
    assert await _count(usage) == 1
    assert await ingest(usage, "g0", [event(2), event(3)]) == 3


async def test_an_empty_batch_tells_where_the_books_are(usage: UsageService) -> None:
    await ingest(usage, "g0", [event(1)])
    assert await ingest(usage, "g0", []) == 1


@pytest.mark.parametrize(
    "runs",
    [
        runs_of([event(2), event(1)]),
        runs_of([event(1), event(1)]),
        runs_of([event(1), event(2), event(2), event(3)]),
        runs_of([event(0)]),
        (UsageRun(1, ()),),
    ],
    ids=["falling", "double", "overlapping", "zero", "empty"],
)
async def test_a_batch_that_contradicts_itself_is_refused_whole(
    usage: UsageService, runs: tuple[UsageRun, ...]
) -> None:
    with pytest.raises(InvalidArgument):
        await usage.ingest("g0", runs)
    assert await _count(usage) == 0


async def test_two_who_ship_the_same_at_once_count_once(usage: UsageService) -> None:
    batch = [event(seq) for seq in range(1, 51)]
    done = await asyncio.gather(*(ingest(usage, "g0", batch[: 10 * size]) for size in (5, 3, 5, 4)))
    assert max(done) == 50
    assert await _count(usage) == 50


async def test_sums_are_of_all_that_match(usage: UsageService) -> None:
    events = [
        event(1, status=200),
        event(2, status=503, rows=0),
        event(3, key="k2", version=2),
        event(4, key="k2", version=2, at=event(1).at + 86_400 * 10**9),
    ]
    await ingest(usage, "g0", events)
    (total,) = await usage.sums("acme", UsageFilter())
    plain = {"requests": 4, "rows": 6, "bytes_in": 40, "bytes_out": 80, "compute_ns": 20 * 10**9}
    assert total == UsageSum(ok=3, errors=1, **plain, quantities=plain)
    by_key = await usage.sums("acme", UsageFilter(), ("key", "version"))
    assert [(row.key, row.version, row.requests, row.errors) for row in by_key] == [("k", 1, 2, 1), ("k2", 2, 2, 0)]
    by_day = await usage.sums("acme", UsageFilter(), ("day",))
    assert [(row.day, row.requests) for row in by_day] == [(START, 3), (START + timedelta(days=1), 1)]
    by_hour = await usage.sums("acme", UsageFilter(version=2, end=START + timedelta(hours=1)), ("hour",))
    assert [(row.hour, row.requests) for row in by_hour] == [(START, 1)]
    assert (await usage.sums("acme", UsageFilter(key="k2", start=START + timedelta(hours=1))))[0].requests == 1
    assert (await usage.sums("acme", UsageFilter(deployment="other")))[0].requests == 0
    assert await usage.sums("acme", UsageFilter(model="other"), ("model",)) == []


async def test_large_sums_are_exact(usage: UsageService) -> None:
    large = 2**61
    await ingest(usage, "g0", [event(seq, compute_ns=large) for seq in (1, 2, 3)])
    assert (await usage.sums("acme", UsageFilter()))[0].compute_ns == 3 * large


async def test_sums_beyond_sixty_three_bits_are_exact(usage: UsageService) -> None:
    large = 2**62 + 12_345
    batch = [event(seq, compute_ns=large, total_ns=large, more=(("input_tokens", large),)) for seq in range(1, 8)]
    assert await ingest(usage, "g0", batch) == 7
    for wanted in (UsageFilter(), UsageFilter(start=START), UsageFilter(end=START + timedelta(microseconds=1))):
        (row,) = await usage.sums("acme", wanted, ("model",))
        assert (row.compute_ns, row.requests) == (7 * large, 7)
        assert row.quantities["total_ns"] == row.quantities["input_tokens"] == 7 * large


async def test_amounts_whose_sum_no_column_holds_are_kept(usage: UsageService) -> None:
    events = [event(seq, compute_ns=2**62) for seq in (1, 2, 3)]
    assert await ingest(usage, "g0", events) == 3
    assert (await usage.events("acme", UsageFilter(), PageRequest())).items == events[::-1]


MINUTE = 60 * 10**9
LABELS = [("k", "digits", 1), ("k", "digits", 2), ("k2", "digits", 2), ("k2", "other", 7)]


def varied(source: str, number: int, random: Random) -> list[UsageEvent]:
    """Over three hours, not in order of time, of several keys, deployments and tenants."""
    found = []
    for seq in range(1, number + 1):
        key, deployment, version = random.choice(LABELS)
        at = event(0).at + random.choice([seq * MINUTE // 2, seq * 10**9, 0, random.randrange(3 * 60 * MINUTE)])
        more = {"at": at, "key": key, "deployment": deployment, "version": version, "rows": random.randrange(9)}
        tenant, status = random.choice(["acme", "acme", "other"]), random.choice([200, 200, 503])
        found.append(event(seq, source, tenant=tenant, status=status, **more))
    return found


@pytest.fixture
async def booked(usage: UsageService) -> list[UsageEvent]:
    """What acme has in the books, shipped in batches of several sizes by two sources."""
    random = Random(7)
    events = [*varied("g0", 300, random), *varied("g1", 300, random)]
    for source in ("g0", "g1"):
        mine = [one for one in events if one.source == source]
        for first, end in ((0, 1), (1, 30), (30, 200), (200, 300)):
            assert await ingest(usage, source, mine[first:end]) == end
    return sorted((one for one in events if one.tenant == "acme"), key=lambda one: (one.at, one.source, one.seq))


async def test_sums_are_exact_whatever_the_time_is_cut_at(usage: UsageService, booked: list[UsageEvent]) -> None:
    random = Random(8)
    for _ in range(30):
        ends = sorted(random.choice(booked).at // 1000 * 1000 + random.choice([0, 0, 1000]) for _ in range(2))
        start, end = (
            datetime.fromtimestamp(at // 10**9, UTC) + timedelta(microseconds=at // 1000 % 10**6) for at in ends
        )
        key = random.choice([None, "k"])
        matching = [one for one in booked if ends[0] <= one.at < ends[1] and key in (None, one.key)]
        wanted = UsageFilter(start=start, end=end, key=key)
        (total,) = await usage.sums("acme", wanted)
        assert (total.requests, total.rows) == (len(matching), sum(one.rows for one in matching))
        assert total.ok == sum(one.status == 200 for one in matching)
        by_hour = await usage.sums("acme", wanted, ("key", "version", "hour"))
        expected = Counter((one.key, one.version, one.at // (60 * MINUTE)) for one in matching)
        assert [
            ((row.key, row.version, int(row.hour.timestamp()) // 3600), row.requests) for row in by_hour if row.hour
        ] == sorted(expected.items())
        assert [one async for batch in usage.all_events("acme", wanted) for one in batch] == matching[::-1]


@pytest.mark.parametrize("limit", [1, 7, 100, 500])
async def test_pages_of_any_size_join_to_all_events(usage: UsageService, booked: list[UsageEvent], limit: int) -> None:
    seen: list[UsageEvent] = []
    page = await usage.events("acme", UsageFilter(), PageRequest(limit=limit))
    while page.next is not None:
        seen += page.items
        page = await usage.events("acme", UsageFilter(), PageRequest(limit=limit, after=decode_cursor(page.next)))
    assert [*seen, *page.items] == booked[::-1]


async def test_another_tenant_sees_nothing(usage: UsageService) -> None:
    await ingest(usage, "g0", [event(1), event(2, tenant="other")])
    assert await _count(usage) == 1
    assert [one.tenant for one in (await usage.events("other", UsageFilter(), PageRequest())).items] == ["other"]


async def test_pages_join_without_gap_or_double_even_at_equal_times(usage: UsageService) -> None:
    events = [event(seq, source, at=10**18) for source in ("g0", "g1:x") for seq in (1, 2, 3)]
    await ingest(usage, "g0", events[:3])
    await ingest(usage, "g1:x", events[3:])
    seen: list[UsageEvent] = []
    after = None
    while True:
        page = await usage.events("acme", UsageFilter(), PageRequest(limit=2, after=after))
        seen += page.items
        if page.next is None:
            break
        after = decode_cursor(page.next)
    assert sorted(seen, key=lambda one: (one.source, one.seq)) == events
    everything = [one async for batch in usage.all_events("acme", UsageFilter()) for one in batch]
    assert everything == seen
    with pytest.raises(InvalidArgument):
        await usage.events("acme", UsageFilter(), PageRequest(after="nonsense"))


@pytest.mark.parametrize("changed", [{"at": 1 << 63}, {"rows": 1 << 63}, {"compute_ns": (1 << 64) - 1}])
async def test_an_event_that_cant_be_true_keeps_nobody_from_the_books(
    usage: UsageService, changed: dict[str, int]
) -> None:
    runs = runs_of([event(1), event(2, **changed), event(3)])
    assert await usage.ingest("g", runs) == 3


FORMER = Path(__file__).parents[2] / "data" / "usage"


async def test_blocks_of_the_first_format_and_present_ones_are_one_set_of_books(
    database: Database, usage: UsageService
) -> None:
    rows = msgspec.msgpack.decode((FORMER / "blocks.msgpack").read_bytes())
    former = [UsageEvent(**one) for one in msgspec.json.decode((FORMER / "events.json").read_bytes())]
    async with database.writing() as connection:
        await connection.execute(insert(usage_blocks), rows)
        await connection.execute(insert(usage_sources), {"source": "gw_old", "seq": 12})
    at = former[0].at + 30 * 10**9
    new = [
        event(seq, "gw_new", tenant="ten_a", at=at + seq * 10**9, queue_ns=seq, total_ns=9, revision=3, more=more)
        for seq, more in enumerate([(), (("input_tokens", 5),), (("input_tokens", 6), ("output_tokens", 1))], 1)
    ]
    assert await ingest(usage, "gw_new", new) == 3
    assert await ingest(usage, "gw_old", former) == 12
    everything = sorted([*former, *new], key=lambda one: (one.at, one.source, one.seq))
    assert [one async for batch in usage.all_events("ten_a", UsageFilter()) for one in batch] == everything[::-1]
    seen, after = [], None
    while True:
        page = await usage.events("ten_a", UsageFilter(), PageRequest(limit=2, after=after))
        seen += page.items
        if page.next is None:
            break
        after = decode_cursor(page.next)
    assert seen == everything[::-1]
    for start, end in ((0, 10**4), (10, 45), (31, 33), (32, 33), (33, 70)):
        begin = datetime.fromtimestamp(former[0].at // 10**9, UTC)
        wanted = UsageFilter(start=begin + timedelta(seconds=start), end=begin + timedelta(seconds=end))
        matching = [one for one in everything if start <= (one.at - former[0].at) / 10**9 < end]
        (total,) = await usage.sums("ten_a", wanted)
        assert total.quantities == dict(sum((Counter(quantities(one)) for one in matching), start=Counter()))
        by_key = await usage.sums("ten_a", wanted, ("key", "version"))
        assert sum((Counter(row.quantities) for row in by_key), start=Counter()) == Counter(total.quantities)


async def test_sums_by_revision_are_of_blocks_made_by_it_and_of_the_events_of_older_ones(
    database: Database, usage: UsageService
) -> None:
    tokens = (("input_tokens", 5),)
    older = [event(seq, revision=seq % 2, more=tokens if seq == 2 else ()) for seq in range(1, 5)]
    await ingest(usage, "g0", older)
    await ingest(usage, "g1", [event(seq, "g1", revision=seq % 3, more=tokens) for seq in range(1, 10)])
    async with database.writing() as connection:  # as they were written before
        await connection.execute(update(request_blocks).where(request_blocks.c.source == "g0").values(revision=None))
    for wanted in (UsageFilter(), UsageFilter(start=START), UsageFilter(end=START + timedelta(microseconds=1))):
        rows = await usage.sums("acme", wanted, ("revision", "version"))
        found = [(row.revision, row.requests, row.ok, row.quantities["input_tokens"]) for row in rows]
        assert found == [(0, 5, 5, 20), (1, 5, 5, 15), (2, 3, 3, 15)]
    (total,) = await usage.sums("acme", UsageFilter())
    assert (total.requests, total.quantities["input_tokens"]) == (13, 50)


def later(first: int, number: int, version: int = VERSION + 1) -> UnreadRun:
    attempts = [list(msgspec.structs.astuple(event(seq)))[2:] for seq in range(first, first + number)]
    return UnreadRun(first, first + number - 1, version, msgspec.msgpack.encode([first, attempts, version]))


async def test_a_run_of_a_later_version_is_counted_as_come_and_kept_for_a_release_that_reads_it(
    usage: UsageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [*runs_of([event(1)]), later(2, 3), *runs_of([event(5)])]
    for _ in range(2):
        assert await usage.ingest("g0", batch) == 5
    assert await usage.ingest("g0", [later(4, 3)]) == 6  # shipped again in another cut
    assert (await _count(usage), await usage.unread_events()) == (2, 6)
    assert await usage.read_again() == 0
    monkeypatch.setattr("bms.control.billing.service.VERSION", VERSION + 1)
    done = await asyncio.gather(usage.read_again(), usage.read_again())
    assert (sum(done), await usage.unread_events()) == (4, 0)
    found = [one async for events in usage.all_events("acme", UsageFilter()) for one in events]
    assert found == [event(seq) for seq in range(6, 0, -1)]
    assert await usage.ingest("g0", batch) == 6


async def test_a_run_that_turns_out_to_be_damaged_stays_where_it_is(usage: UsageService) -> None:
    broken = UnreadRun(1, 2, VERSION, msgspec.msgpack.encode([1, ["a", "b"], VERSION]))
    assert await usage.ingest("g0", [broken]) == 2
    assert (await usage.read_again(), await usage.unread_events()) == (0, 2)
