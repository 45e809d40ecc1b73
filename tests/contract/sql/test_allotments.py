"""Time that is held is counted once and exactly, on both databases, whatever is killed and however clocks go."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.usage import SqlUsage
from bms.control.billing.blocks import UsageBlock
from bms.control.billing.booking import AllotmentBilling
from bms.control.billing.nouns import UsageFilter
from bms.control.billing.service import UsageService
from bms.control.platform.allotments import Allotment, milliseconds
from bms.core.clock import ManualClock
from bms.core.meters import Held
from bms.core.usage import UsageEvent, quantities

START = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
HOUR = 3600


class Killed(Exception):
    """Whoever did it is gone in the middle of it."""


class World:
    def __init__(self, database: Database) -> None:
        self.clock = ManualClock(START)
        self.store = SqlStore(database, SqlUsage)
        self.usage = UsageService(self.store, self.clock)
        self.booking = AllotmentBilling(self.store, self.clock)

    async def open(self, subject: str, *, killed: bool = False, **more: object) -> None:
        plain: dict[str, object] = {"of": "replicas", "tenant": "acme", "rates": {"replica_ms": 1000}, **more}
        async with self.store.write() as tx:
            await tx.open_allotment(Allotment(subject=subject, **plain), self.clock.now())  # type: ignore[arg-type]
            if killed:
                raise Killed

    async def close(self, subject: str, of: Held = "replicas", tenant: str = "acme", *, killed: bool = False) -> None:
        async with self.store.write() as tx:
            await tx.close_allotment(tenant, of, subject, self.clock.now())
            if killed:
                raise Killed

    async def used(self, tenant: str = "acme", **wanted: object) -> dict[str, int]:
        (row,) = await self.usage.sums(tenant, UsageFilter(**wanted))  # type: ignore[arg-type]
        assert (row.requests, row.ok, row.errors) == (0, 0, 0)
        return row.quantities

    async def events(self, tenant: str = "acme") -> list[UsageEvent]:
        return [one async for batch in self.usage.all_events(tenant, UsageFilter()) for one in batch]

    async def unbooked(self, tenant: str = "acme") -> int:
        async with self.store.read() as tx:
            return len(await tx.unbooked(tenant))


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def test_a_question_counts_what_runs_up_to_now_and_booking_changes_no_answer(world: World) -> None:
    await world.open("rep_1")
    world.clock.advance(2 * HOUR)
    for _ in range(2):
        assert await world.used() == {"replica_ms": 2 * HOUR * 1000}
        await world.booking.step()
    assert [event.until - event.at for event in await world.events()] == [HOUR * 10**9, HOUR // 2 * 10**9]
    await world.close("rep_1")
    world.clock.advance(HOUR)
    assert await world.used() == {"replica_ms": 2 * HOUR * 1000}
    assert (await world.booking.step(), await world.booking.step(), await world.unbooked()) == (1, 0, 0)
    assert await world.used() == {"replica_ms": 2 * HOUR * 1000}
    newest = (await world.events())[0]
    assert (newest.of, newest.request_id, newest.status, newest.key) == ("replicas", "rep_1", 0, "")


async def test_what_is_opened_or_closed_twice_counts_once_and_may_be_held_again(world: World) -> None:
    for _ in range(2):
        await world.open("rep_1")
        world.clock.advance(10)
    for _ in range(2):
        await world.close("rep_1")
        world.clock.advance(10)
    await world.open("rep_1")
    world.clock.advance(5)
    assert await world.used() == {"replica_ms": 25_000}
    await world.close("rep_1", tenant="other")
    await world.close("rep_1", of="jobs")
    world.clock.advance(5)
    assert await world.used() == {"replica_ms": 30_000}


async def test_sums_are_grouped_by_what_held_and_narrowed_by_when_pieces_begin(world: World) -> None:
    await world.open("rep_1", deployment="d1", model="m", version=1)
    await world.open("rep_2", deployment="d1", model="m", version=2, rates={"replica_cpu_ms": 500})
    await world.open("ver_1", of="storage", model="m", version=1, rates={"storage_byte_s": 7})
    await world.open("rep_3", tenant="other")
    world.clock.advance(HOUR)
    expected = {
        ("", 1): {"storage_byte_s": 7 * HOUR},
        ("d1", 1): {"replica_ms": HOUR * 1000},
        ("d1", 2): {"replica_cpu_ms": HOUR * 500},
    }
    for _ in range(2):
        rows = await world.usage.sums("acme", UsageFilter(model="m"), ("deployment", "version"))
        assert {(row.deployment, row.version): row.quantities for row in rows} == expected
        assert await world.used(deployment="d1", version=2) == {"replica_cpu_ms": HOUR * 500}
        assert await world.used(end=START + timedelta(minutes=30)) == {
            "replica_ms": HOUR * 500, "replica_cpu_ms": HOUR * 250, "storage_byte_s": 7 * HOUR,
        }  # fmt: skip
        assert await world.used(start=START + timedelta(minutes=30), deployment="d1", version=1) == {
            "replica_ms": HOUR * 500
        }
        assert await world.used(key="k1") == {}
        await world.booking.step()


async def test_many_who_book_at_once_count_once(world: World) -> None:
    for number in range(30):
        await world.open(f"rep_{number}")
    world.clock.advance(5 * HOUR)
    await asyncio.gather(*(world.booking.step() for _ in range(4)))
    assert await world.used() == {"replica_ms": 30 * 5 * HOUR * 1000}
    events = await world.events()
    assert sorted(event.seq for event in events) == list(range(1, 30 * 5 + 1))


async def test_years_of_many_are_booked_in_small_transactions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.open("rep_1")
    await world.open("rep_2")
    world.clock.advance(100 * 24 * HOUR)
    sizes: list[int] = []
    add = SqlUsage.add

    async def noted(tx: SqlUsage, source: str, blocks: list[UsageBlock], last: int) -> None:
        sizes.append(last - sum(sizes))
        await add(tx, source, blocks, last)

    monkeypatch.setattr(SqlUsage, "add", noted)
    assert await world.booking.step() == sum(sizes) == 2 * 2400
    assert max(sizes) <= 2000
    assert await world.used() == {"replica_ms": 2 * 100 * 24 * HOUR * 1000}


async def test_a_booking_that_is_killed_leaves_nothing_of_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.open("rep_1")
    world.clock.advance(HOUR)
    add = SqlUsage.add

    async def dies(*given: object) -> None:
        await add(*given)  # type: ignore[arg-type]
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(SqlUsage, "add", dies)
        with pytest.raises(Killed):
            await world.booking.step()
    assert (await world.events(), await world.used()) == ([], {"replica_ms": HOUR * 1000})
    assert await world.booking.step() == 1
    assert await world.used() == {"replica_ms": HOUR * 1000}


@pytest.mark.parametrize("seed", range(4))
async def test_sums_are_the_exact_integral_whatever_starts_ends_dies_and_clocks_do(world: World, seed: int) -> None:
    random = Random(seed)
    rates: dict[Held, dict[str, int]] = {
        "replicas": {"replica_ms": 1000, "replica_cpu_ms": 333},
        "jobs": {"job_memory_mib_s": 77},
        "storage": {"storage_byte_s": 1},
    }
    spans: dict[Held, int] = {"replicas": HOUR * 1000, "jobs": HOUR * 1000, "storage": 24 * HOUR * 1000}
    live: dict[str, tuple[Held, int, int]] = {}  # by subject: of, opened, how far it is booked
    ended: Counter[str] = Counter()

    def counted(of: Held, opened: int, until: int) -> Counter[str]:
        return Counter({meter: rate * (until - opened) // 1000 for meter, rate in rates[of].items()})

    for turn in range(60):
        now = milliseconds(world.clock.now())
        killed = random.random() < 0.3
        try:
            match random.choice(["open", "open", "close", "close", "book", "look"]):
                case "open":
                    of = random.choice(list(rates))
                    await world.open(f"s{turn}", of=of, rates=rates[of], killed=killed)
                    live[f"s{turn}"] = (of, now, now)
                case "close" if live:
                    subject = random.choice(sorted(live))
                    of, opened, booked = live[subject]
                    await world.close(subject, of=of, killed=killed)
                    del live[subject]
                    ended += counted(of, opened, max(now, booked))
                case "book":
                    await world.booking.step()
                    live = {
                        subject: (of, opened, max(booked, now // spans[of] * spans[of]))
                        for subject, (of, opened, booked) in live.items()
                    }
                case _:
                    pass
        except Killed:
            pass
        running = (counted(of, opened, max(now, booked)) for of, opened, booked in live.values())
        expected = sum(running, start=Counter(ended))
        assert await world.used() == +expected, turn
        world.clock.advance(random.choice([0.001, 0.7, 59, HOUR / 3, 30 * HOUR, -50, -2 * HOUR]))
    for subject, (of, _, _) in live.items():
        await world.close(subject, of=of)
    before = await world.used()
    await world.booking.step()
    assert await world.unbooked() == 0
    assert await world.used() == before == sum((Counter(quantities(one)) for one in await world.events()), Counter())
