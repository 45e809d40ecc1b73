"""Two controls on one store, dropped or held up at random points: the other goes on, and nothing is done twice.

One that is held up comes to itself when its lease has run out and the other leads, in the middle of what it did.
"""

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog, SqlLeases
from bms.adapters.sql.reactions import SqlReactions
from bms.adapters.sql.store import SqlStore
from bms.control.platform import events as of_reactions
from bms.control.platform import reactions
from bms.control.platform.events import ReactionGivenUp
from bms.control.platform.handlers import Handlers
from bms.control.platform.leading import Leadership
from bms.core.clock import ManualClock
from bms.core.errors import BmsError, FailedPrecondition
from bms.core.event_catalogue import Catalogue
from bms.core.events import Event, Payload
from tests.cancelling import Cancelling
from tests.sizes import enough
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal
from tests.worlds.jobs import World, add_tenant

TURNS, AWAITS = 40, 16
BY = principal()


class HeldUp:
    """Awaits `work`, held up at the await number `at`, or the next one that keeps nobody from writing, until let go."""

    def __init__(self, work: Coroutine[Any, Any, None], at: int, database: Database) -> None:
        self._work = work
        self._at = at
        self._writers = database._writers
        self.held, self.go = asyncio.Event(), asyncio.Event()

    def __await__(self) -> Generator[Any, Any, None]:
        steps, error, awaits = self._work.__await__(), None, 0
        while True:
            try:
                future = steps.send(None) if error is None else steps.throw(error)
            except StopIteration:
                return
            awaits += 1
            if awaits >= self._at and not self.held.is_set() and not self._writers.locked():
                self.held.set()
                yield from self.go.wait().__await__()
            error = None
            try:
                yield future
            except BaseException as raised:  # noqa: BLE001 - thrown into the coroutine
                error = raised


class Asked(Payload, frozen=True, kw_only=True):
    """Something was asked for that can't be done."""

    EVENT = "test.asked"


class Store:
    """What both controls share: the database, and the machine with its processes."""

    def __init__(self, database: Database, folder: Path, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        self.jobs = World(database, folder, clock)
        self.deployed = Deployed(database, clock, ObedientCluster(clock), "nobody")
        self.reactions = SqlStore(database, SqlReactions)
        self.log = SqlEventLog(database)
        self.controls = 0
        self.held, self.go = asyncio.Event(), asyncio.Event()
        self.holding = False

    async def refuse(self, event: Event[Any]) -> None:
        """What follows from `Asked`, held up on request."""
        if self.holding:
            self.holding = False
            self.held.set()
            await self.go.wait()
        raise FailedPrecondition("this can't be done")

    async def told(self, name: str) -> Counter[str]:
        """How often an event of this name was told, by subject; dead letters by the event that they are about."""
        found = [row for _, row in await self.log.since(0) if row.name == name]
        return Counter(str(row.details.get("number", row.subject)) for row in found)


class Control:
    """The led loops of one process."""

    def __init__(self, store: Store) -> None:
        store.controls += 1
        holder = f"control{store.controls}"
        self.scheduler = store.jobs.scheduler(holder)
        self.deployed = store.deployed.again(holder)
        handlers = Handlers(Catalogue([sys.modules[__name__], of_reactions]))
        handlers.on(Asked, "nothing", store.refuse, _told)
        leadership = Leadership(SqlLeases(store.database, store.clock), store.clock, holder)
        leader = leadership.of(reactions.SUBJECT)
        self.reactions = reactions.ReactionLoop(
            SqlEventLog(store.database), store.reactions, handlers, store.clock, "acme", leader=leader
        )

    async def turn(self, which: int) -> None:
        match which:
            case 0:
                await self.scheduler.step()
                await self.scheduler.idle()
            case 1:
                await self.deployed.reconciler.step()
                await self.deployed.reconciler.idle()
            case _:
                await self.reactions.run_until_idle()

    async def drop(self) -> None:
        """As if it had been killed: nothing is given back."""
        await self.scheduler._tasks.close()
        await self.deployed.reconciler.tasks.close()
        await self.deployed.health.close()
        for task in self.reactions._tasks:
            task.cancel()
        await asyncio.gather(*self.reactions._tasks, return_exceptions=True)


async def _told(event: Event[Any], why: str) -> None:
    await asyncio.sleep(0)


async def _dropped(work: Any, at: int) -> bool:
    """Whether it was broken off, at the await of that number."""
    try:
        await Cancelling(work, lambda reached: "waiting" if reached == at else None)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        return True
    return False


async def _held_up(store: Store, work: Coroutine[Any, Any, None], at: int, others: Control) -> None:
    """The other one does everything meanwhile."""
    store.held, store.go, store.holding = asyncio.Event(), asyncio.Event(), True
    holding = HeldUp(work, at, store.database)

    async def whole() -> None:
        with contextlib.suppress(BmsError):  # as the loops do, which go on
            await holding

    task = asyncio.create_task(whole())
    waiting = [task, asyncio.create_task(holding.held.wait()), asyncio.create_task(store.held.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    store.holding = False
    store.clock.advance(11)
    for which in (0, 1, 2, 0, 1):
        await others.turn(which)
    holding.go.set()
    store.go.set()
    await task
    for each in waiting:
        each.cancel()


async def _settle(store: Store, control: Control, done: Callable[[], Any]) -> None:
    for _ in range(200):
        for which in range(3):
            await control.turn(which)
        store.clock.advance(2)
        for workload in store.jobs.cluster.running:
            store.jobs.cluster.end(workload, result={"state": "succeeded"})
        if await done():
            return
    raise AssertionError("not done after 200 rounds")


@pytest.mark.parametrize("seed", range(enough(2, 12)))
async def test_whoever_is_dropped_or_held_up_the_other_goes_on_and_nothing_is_done_twice(
    sqlite: Database, tmp_path: Path, clock: ManualClock, seed: int
) -> None:
    rng = Random(seed)
    store = Store(sqlite, tmp_path, clock)
    await store.deployed.start()
    await add_tenant(sqlite, clock)
    controls = [Control(store), Control(store)]
    jobs, names, drops = [], [], 0
    for turn in range(TURNS):
        if turn % 10 == 0:
            jobs.append(await store.jobs.submit())
            await store.deployed.service.create(BY, f"d{turn}", follow())
            names.append(f"d{turn}")
            async with store.reactions.write() as tx:
                await tx.emit(Event(payload=Asked(), tenant="acme", subject="s", actor="ann", at=clock.now()))
        which = rng.randrange(2)
        work, at = controls[which].turn(rng.randrange(3)), rng.randrange(AWAITS)
        match rng.randrange(3):
            case 0:
                await work
            case 1:
                await _held_up(store, work, at, controls[1 - which])
            case _ if await _dropped(work, at):
                drops += 1
                await controls[which].drop()
                controls[which] = Control(store)
        clock.advance(rng.choice((0, 0.5, 4, 11)))

    async def done() -> bool:
        states = [(await store.jobs.get(job)).state for job in jobs]
        ready = [replica.state for name in names for replica in await store.deployed.replicas(name)]
        return {*states} == {"succeeded"} and {*ready} == {"ready"}

    await _settle(store, controls[0], done)
    assert drops > 1
    assert await store.told("job.ended") == {job.id: 1 for job in jobs}
    assert set(store.jobs.cluster.starts) == {f"{job.id}-a1" for job in jobs}, "one attempt is enough"
    replicas = [await store.deployed.replicas(name) for name in names]
    assert [len(each) for each in replicas] == [1] * len(names)
    assert Counter(store.deployed.cluster.starts).keys() == {replica.id for (replica,) in replicas}
    asked = [str(number) for number, row in await store.log.since(0) if row.name == Asked.EVENT]
    assert await store.told(ReactionGivenUp.EVENT) == dict.fromkeys(asked, 1)
