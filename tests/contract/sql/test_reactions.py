"""Reactions on both databases: each event's consequences come at least once and in order of what it is about; one
subject's trouble delays nobody else, nothing is given up that may pass, and what can't be done is a dead letter."""

import asyncio
import itertools
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event as sql_event

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog
from bms.adapters.sql.reactions import SqlReactions
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tables.events import events as event_rows
from bms.adapters.sql.tables.tenants import tenants as tenant_rows
from bms.control.platform import attempting, events, reactions
from bms.control.platform.attempting import pause_s
from bms.control.platform.events import ReactionGivenUp
from bms.control.platform.handlers import Handlers
from bms.control.platform.pending import Reaction
from bms.control.platform.reactions import ReactionLoop
from bms.core.clock import ManualClock
from bms.core.errors import NotFound, Unavailable
from bms.core.event_catalogue import Catalogue
from bms.core.events import Event, Payload, Recorded
from bms.core.pages import PageRequest
from tests.cancelling import PLANS, Plan, every_await
from tests.worlds.jobs import add_tenant


class Pushed(Payload, frozen=True, kw_only=True):
    """Something was pushed."""

    EVENT = "test.pushed"
    VERSION = 2
    number: int = 0


class Pulled(Payload, frozen=True, kw_only=True):
    """Something was pulled."""

    EVENT = "test.pulled"


class World:
    """Events of a test and who handles them: `troubles` are what a handler says of a subject until it is taken away."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        self.store, self.log = SqlStore(database, SqlReactions), SqlEventLog(database)
        self.handlers = Handlers(Catalogue([sys.modules[__name__], events]))
        self.seen: list[tuple[str, str]] = []
        self.troubles: dict[tuple[str, str], Exception] = {}
        self.given_up: list[tuple[str, str]] = []
        self.reactions = self.leader()

    def leader(self, **more: Any) -> ReactionLoop:
        return ReactionLoop(self.log, self.store, self.handlers, self.clock, "operator", share=lambda: 0.0, **more)

    def on(
        self,
        name: str,
        kind: type[Payload] = Pushed,
        handle: Callable[[Event[Any]], Awaitable[None]] | None = None,
        given_up: Callable[[Event[Any], str], Awaitable[None]] | None = None,
    ) -> None:
        async def noting(event: Event[Any]) -> None:
            if (trouble := self.troubles.get((name, event.subject))) is not None:
                raise trouble
            said = getattr(event.payload, "number", None)
            self.seen.append((name, event.subject if said is None else f"{event.subject}{said}"))

        async def telling(event: Event[Any], why: str) -> None:
            self.given_up.append((event.subject, why))

        self.handlers.on(kind, name, handle or noting, given_up or telling)

    async def push(self, *subjects: str, tenant: str = "acme", kind: type[Payload] = Pushed) -> None:
        """Each of these as `s1`: subject s, number 1."""
        for subject in subjects:
            payload = kind() if kind is not Pushed else Pushed(number=int(subject[1:]))
            name = subject[0] if kind is Pushed else subject
            told = Event(payload=payload, tenant=tenant, subject=name, actor="ann", at=self.clock.now())
            async with self.store.write() as tx:
                await tx.emit(told)

    async def settle(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        await self.reactions.run_until_idle()

    async def rows(self) -> list[Reaction]:
        async with self.store.read() as tx:
            return (await tx.reactions(PageRequest(), None)).items

    async def position(self) -> int:
        async with self.store.read() as tx:
            return await tx.position("reactions")

    async def told(self, kind: type[Payload]) -> list[Recorded]:
        return [row for _, row in await self.log.since(0) if row.name == kind.EVENT]


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock)


async def test_what_goes_well_is_done_once_and_in_order_and_leaves_only_a_position(world: World) -> None:
    world.on("a")
    world.on("b")
    await world.push("x1", "y1", "x2")
    await world.push("z", kind=Pulled)
    await world.settle()
    await world.settle()
    assert [each for each in world.seen if each[1][0] == "x"] == [("a", "x1"), ("b", "x1"), ("a", "x2"), ("b", "x2")]
    assert sorted(world.seen) == [(name, event) for name in "ab" for event in ("x1", "x2", "y1")]
    assert (await world.rows(), await world.position()) == ([], 4)
    other = world.leader()
    await other.run_until_idle()
    assert len(world.seen) == 6, "who leads next does nothing again"


async def test_one_subjects_trouble_delays_only_what_comes_later_about_it(world: World) -> None:
    world.on("a")
    world.on("b")
    world.troubles["a", "x"] = Unavailable("the folder is away")
    await world.push("x1", "y1", "x2")
    await world.settle()
    await world.push("z1", "x3", tenant="acme")
    await world.push("x1", tenant="other")
    await world.settle()
    assert sorted(world.seen) == [("a", "y1"), ("a", "z1"), ("b", "y1"), ("b", "z1")], "but for another tenant's x"
    rows = await world.rows()
    assert [(row.number, row.handler, row.tries, row.tenant) for row in rows] == [
        (1, "a", 1, "acme"),
        (1, "b", 0, "acme"),
        (3, "a", 0, "acme"),
        (3, "b", 0, "acme"),
        (5, "a", 0, "acme"),
        (5, "b", 0, "acme"),
        (6, "a", 1, "other"),
        (6, "b", 0, "other"),
    ]
    assert (rows[0].error, await world.position()) == ("the folder is away", 6)
    world.troubles.clear()
    world.seen.clear()
    await world.settle()
    assert world.seen == [], "not before its time"
    await world.settle(1)
    of_acme = [("a", "x1"), ("b", "x1"), ("a", "x2"), ("b", "x2"), ("a", "x3"), ("b", "x3")]
    assert [each for each in world.seen if each[1] != "x1"] == of_acme[2:]
    assert sorted(world.seen) == sorted([*of_acme, ("a", "x1"), ("b", "x1")])
    assert await world.rows() == []


async def test_what_may_pass_is_tried_for_as_long_as_it_takes(world: World) -> None:
    tried: list[float] = []

    async def away(event: Event[Pushed]) -> None:
        tried.append(world.clock.monotonic())
        raise OSError(5, "Input/output error")

    world.on("a", handle=away)
    await world.push("x1")
    begun = world.clock.monotonic()
    await world.settle()
    for seconds in (*[1] * 811, *[300] * 10):
        await world.settle(seconds)
    waits = [round(later - earlier) for earlier, later in itertools.pairwise(tried)]
    assert waits[:9] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert set(waits[9:]) == {300}
    assert world.clock.monotonic() - begun > 3600
    (row,) = await world.rows()
    assert (row.state, row.tries, world.given_up) == ("waiting", len(tried), [])
    assert row.error == "OSError: [Errno 5] Input/output error"


def test_pauses_differ_so_that_what_failed_together_does_not_come_back_together() -> None:
    assert [pause_s(tries, lambda: 0.0) for tries in (1, 2, 9, 10, 1000)] == [1, 2, 256, 300, 300]
    assert pause_s(10, lambda: 1.0) == 240
    assert len({pause_s(5) for _ in range(10)}) > 1


async def test_what_will_not_pass_is_a_dead_letter_that_holds_up_nothing(world: World) -> None:
    world.on("a")
    world.on("b")
    world.troubles["a", "x"] = NotFound("gone")
    world.troubles["a", "y"] = KeyError("a defect")
    await world.push("x1", "y1", "x2")
    await world.settle()
    assert sorted(world.seen) == [("b", "x1"), ("b", "x2"), ("b", "y1")]
    assert sorted(world.given_up) == [
        ("x", "gone"),
        ("x", "gone"),
        ("y", "an error of the platform, which its log has"),
    ]
    assert [(row.number, row.state, row.tries, row.error) for row in await world.rows()] == [
        (1, "dead", 1, "gone"),
        (2, "dead", 1, "an error of the platform, which its log has"),
        (3, "dead", 1, "gone"),
    ]
    told = await world.told(ReactionGivenUp)
    assert sorted((row.tenant, row.details["number"]) for row in told) == sorted(
        (tenant, number) for tenant in ("acme", "operator") for number in (1, 2, 3)
    )
    assert told[0].details == {
        "handler": "a",
        "event": "test.pushed",
        "number": 1,
        "about": "x",
        "of": "acme",
        "tries": 1,
        "error": "gone",
    }
    await world.settle(10_000)
    assert len(world.given_up) == 3, "told once"


async def test_who_waits_for_it_hears_of_it_or_it_is_not_given_up(world: World) -> None:
    away = [Unavailable("the database is away")]

    async def given_up(event: Event[Pushed], why: str) -> None:
        if away:
            raise away.pop()
        world.given_up.append((event.subject, why))

    world.on("a", given_up=given_up)
    world.troubles["a", "x"] = NotFound("gone")
    await world.push("x1")
    await world.settle()
    (row,) = await world.rows()
    assert (row.state, row.error) == ("waiting", "gone; and what waits for it could not be told: the database is away")
    await world.settle(1)
    (row,) = await world.rows()
    assert (row.state, world.given_up) == ("dead", [("x", "gone")])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 3}, "test.pushed is of version 3, this program reads up to 2: use a newer one"),
        ({"details": {"number": "many"}}, "test.pushed does not say what it should: "),
    ],
)
async def test_what_can_not_be_read_is_a_dead_letter(world: World, change: dict[str, Any], why: str) -> None:
    world.on("a")
    await world.push("x1", "y1")
    async with world.database.writing() as connection:
        await connection.execute(event_rows.update().where(event_rows.c.number == 1).values(**change))
    await world.settle()
    (row,) = await world.rows()
    assert (row.state, row.error.startswith(why), world.seen) == ("dead", True, [("a", "y1")])


async def test_a_reaction_that_a_release_lacks_is_a_dead_letter(world: World) -> None:
    world.on("a")
    world.troubles["a", "x"] = Unavailable("away")
    await world.push("x1")
    await world.settle()
    world.handlers = Handlers(world.handlers.catalogue)
    world.reactions = world.leader()
    await world.settle(1)
    (row,) = await world.rows()
    assert (row.state, row.error) == (
        "dead",
        "test.pushed has no reaction 'a' here: use the release that had it, or dismiss it",
    )


async def test_what_hangs_is_broken_off_and_nobody_waits_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempting, "GRACE_S", 0.01)
    never = asyncio.Event()

    async def hangs(event: Event[Pushed]) -> None:
        if event.subject == "x":
            await never.wait()
        world.seen.append(("a", event.subject))

    async def deaf(event: Event[Pulled]) -> None:
        while not never.is_set():
            try:
                await never.wait()
            except asyncio.CancelledError:
                continue

    world.on("a", handle=hangs)
    world.on("b", Pulled, handle=deaf)
    world.reactions = world.leader(limit_s=0.05)
    await world.push("x1", "y1")
    await world.push("z", kind=Pulled)
    await world.settle()
    assert world.seen == [("a", "y")]
    assert [(row.about, row.state, row.error) for row in await world.rows()] == [
        ("x", "waiting", "it did not end within 0.05 s"),
        ("z", "waiting", "it did not end within 0.05 s"),
    ]
    never.set()
    await world.settle(1)
    assert (world.seen, await world.rows()) == ([("a", "y"), ("a", "x")], [])


async def test_subjects_are_handled_side_by_side_and_not_all_at_once(world: World) -> None:
    at_work, most, free = set[str](), [0], asyncio.Event()

    async def slow(event: Event[Pushed]) -> None:
        assert event.subject not in at_work, "one subject's are never handled side by side"
        at_work.add(event.subject)
        most[0] = max(most[0], len(at_work))
        await free.wait()
        at_work.discard(event.subject)
        world.seen.append(("a", event.subject))

    world.on("a", handle=slow)
    await world.push(*(f"{subject}{number}" for number in (1, 2) for subject in "abcdefghijkl"))
    settling = asyncio.create_task(world.settle())
    async with asyncio.timeout(30):
        while len(at_work) < reactions.AT_ONCE:
            await asyncio.sleep(0.01)
    free.set()
    await settling
    assert (most, len(world.seen)) == ([reactions.AT_ONCE], 24)


async def test_what_fails_again_and_again_leaves_room_for_what_is_new(world: World) -> None:
    hanging, free = set[str](), asyncio.Event()

    async def handle(event: Event[Pushed]) -> None:
        if event.subject in "abcdefghij" and not world.troubles:
            hanging.add(event.subject)
            await free.wait()
        elif event.subject in "abcdefghij":
            raise Unavailable("away")
        world.seen.append(("a", event.subject))

    world.on("a", handle=handle)
    world.troubles["a", "any"] = Unavailable("away")
    await world.push(*(f"{subject}1" for subject in "abcdefghij"))
    await world.settle()
    assert len(await world.rows()) == 10
    world.troubles.clear()
    await world.push("z1")
    settling = asyncio.create_task(world.settle(1))
    async with asyncio.timeout(30):
        while ("a", "z") not in world.seen or len(hanging) < reactions.RETRIES_AT_ONCE:
            await asyncio.sleep(0.01)
    assert len(hanging) == reactions.RETRIES_AT_ONCE
    free.set()
    await settling
    assert (len(world.seen), await world.rows()) == (11, [])


async def test_after_a_crash_what_was_not_kept_is_done_again_and_rows_are_not_doubled(world: World) -> None:
    world.on("a")
    world.troubles["a", "y"] = Unavailable("away")
    world.troubles["a", "z"] = NotFound("gone")
    await world.push("x1", "y1", "z1")
    crashed = world.leader()
    await crashed.step()
    async with asyncio.timeout(30):
        while len(await world.rows()) < 2:
            await asyncio.sleep(0.01)
    assert await world.position() == 0, "kept at most once in a second"
    await world.settle()
    assert (world.seen, await world.position()) == ([("a", "x1"), ("a", "x1")], 5)
    assert [(row.about, row.state, row.tries) for row in await world.rows()] == [("y", "waiting", 1), ("z", "dead", 1)]
    assert len(world.given_up) == 1


async def test_a_position_is_kept_per_reader_and_never_goes_back(world: World) -> None:
    for reader, number in (("a", 3), ("a", 7), ("b", 1), ("a", 5)):
        async with world.store.write() as tx:
            await tx.keep_position(reader, number)
    async with world.store.read() as tx:
        assert [await tx.position(reader) for reader in "abc"] == [7, 1, 0]


async def test_who_leads_no_more_leaves_it_to_the_next(world: World) -> None:
    begun, free = asyncio.Event(), asyncio.Event()

    async def slow(event: Event[Pushed]) -> None:
        begun.set()
        await free.wait()
        world.seen.append(("a", event.subject))

    world.on("a", handle=slow)
    await world.push("x1")
    await world.reactions.step()
    await asyncio.wait_for(begun.wait(), 30)
    await world.reactions.stop()
    assert (world.seen, await world.position()) == ([], 0)
    free.set()
    await world.leader().run_until_idle()
    assert world.seen == [("a", "x")]


async def test_news_come_when_there_is_something_to_do(world: World) -> None:
    world.on("a")
    await world.reactions.step()
    hearing = asyncio.create_task(world.reactions.news())
    await asyncio.sleep(0)
    await world.push("x1")
    await asyncio.wait_for(hearing, 30)
    await world.settle()
    world.troubles["a", "y"] = Unavailable("away")
    await world.push("y1")
    await world.settle()
    (row,) = await world.rows()
    world.clock.advance(0.95)
    async with asyncio.timeout(5):  # a clock that stands: the wait is for what is left of it
        await world.reactions.news()
        await world.reactions.news()
    assert row.due_at - world.clock.now() == timedelta(seconds=0.05)
    await world.reactions.stop()


async def test_nothing_follows_for_a_tenant_that_was_deleted(world: World) -> None:
    await add_tenant(world.database, world.clock)
    world.on("a")
    world.troubles["a", "x"] = NotFound("gone with its tenant")
    async with world.database.writing() as connection:
        await connection.execute(tenant_rows.update().values(deleted_at=world.clock.now()))
    await world.push("x1")
    await world.settle()
    assert (await world.rows(), await world.told(ReactionGivenUp)) == ([], [])


async def test_while_the_store_is_away_nothing_moves_and_nothing_is_lost(world: World) -> None:
    world.on("a")
    await world.push("x1", "y1")
    world.troubles["a", "x"] = Unavailable("away")
    away = [True]

    def refuse(*_: Any) -> None:
        if away[0]:
            raise ConnectionRefusedError("no database")

    sql_event.listen(world.database.engine.sync_engine, "do_connect", refuse)
    sql_event.listen(world.database.engine.sync_engine, "checkout", refuse)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await world.reactions.step()
    away[0] = False
    await world.reactions.step()
    away[0] = True
    while any(task.get_name().startswith("reactions about") for task in asyncio.all_tasks()):
        await asyncio.sleep(0.01)
    away[0] = False
    world.clock.advance(1)
    world.troubles.clear()
    await world.settle()
    counted = defaultdict[str, int](int)
    for _, what in world.seen:
        counted[what] += 1
    assert counted == {"x1": 1, "y1": 1}
    assert await world.rows() == []


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_whoever_is_stopped_at_any_await_leaves_nothing_undone(
    sqlite: Database, clock: ManualClock, plan: Plan
) -> None:
    world = World(sqlite, clock)
    world.on("a")
    world.on("b")
    world.troubles["a", "y"] = Unavailable("away")
    expected = set[str]()

    async def work(number: int) -> None:
        try:
            await world.reactions.run_until_idle()
        finally:
            await world.reactions.stop()

    async def prepare(number: int, _cancelled: bool) -> None:
        await world.push(f"x{number}")
        expected.add(f"x{number}")

    await prepare(0, False)
    assert await every_await(work, plan, prepare) > 3
    world.troubles.clear()
    await world.settle(1000)
    assert {what for name, what in world.seen if name == "b"} == expected
    assert await world.rows() == []
