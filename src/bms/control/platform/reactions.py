"""Calls the handlers of every event, at least once, in the process that leads, in order per subject.

For reactions that succeed only a position in the log is written. One that fails is a row: it waits, and later ones
about the same subject wait behind it, or it is a dead letter, which holds up nothing (`pending.py`).
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec

from bms.control.platform.attempting import LIMIT_S, DeadLetter, Outcome, RetryLater, attempt, pause_s
from bms.control.platform.events import ReactionDismissed, ReactionGivenUp, ReactionRetried
from bms.control.platform.handlers import Handlers
from bms.control.platform.leading import Leader
from bms.control.platform.pending import Reaction, ReactionsTx
from bms.control.platform.subject_queues import SubjectQueue, SubjectQueues, Work
from bms.control.platform.transactions import EventLog, Store
from bms.core.clock import Clock
from bms.core.errors import BmsError
from bms.core.event_catalogue import UnreadableEvent
from bms.core.events import Recorded
from bms.core.ids import new_id

log = logging.getLogger("bms.reactions")
READER = "reactions"
SUBJECT = "reactions"
"""What the loop must lead, of `Leadership`."""
AT_ONCE = 8  # subjects worked on at once
RETRIES_AT_ONCE = 4  # beside them, of those with rows: what hangs again and again must not hold up what is new
WINDOW = 1000  # events that are neither done nor have a row; no more are read meanwhile
KEEP_S = 1.0  # the position is kept at most so often: after a crash, what was done since is done again
REST_S = 0.5  # after the store did not answer
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.01, 10.0
_POKES = frozenset({ReactionRetried.EVENT, ReactionDismissed.EVENT})


class ReactionLoop:
    """The loop that handles events. Call `step` whenever `news` returns, and `stop` in the end."""

    def __init__(
        self,
        events: EventLog,
        store: Store[ReactionsTx],
        handlers: Handlers,
        clock: Clock,
        operator: str,
        *,
        leader: Leader | None = None,
        reader: str = READER,
        limit_s: float = LIMIT_S,
        share: Callable[[], float] = random.random,
    ) -> None:
        """`operator` is the tenant that is told of every dead letter. Without `leader` no other process is at work."""
        self._events = events
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._operator = operator
        self._leader = leader
        self.term: int | None = None
        """The leader's token, another one after somebody else has led."""
        self._reader = reader
        self._limit_s = limit_s
        self._share = share
        self._queues: SubjectQueues | None = None
        self._kept = 0
        self._kept_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._wakeup = asyncio.Event()
        self._listening: asyncio.Task[int] | None = None
        self._new = asyncio.Semaphore(AT_ONCE)
        self._again = asyncio.Semaphore(RETRIES_AT_ONCE)

    async def step(self) -> bool:
        """Takes in what is new and due; the work goes on beside it. False where another process leads. Raises
        Unavailable, and nothing is lost by it."""
        if self._leader is not None and (term := await self._leader.lead()) != self.term:
            await self._break_off()  # whoever leads in between has begun where we had come to
            self.term = term
        if self._leader is not None and self.term is None:
            return False
        queues = self._queues or await self._begin()
        if queues.unfinished < WINDOW:
            for number, row in await self._events.since(queues.read):
                self._enqueue(queues, number, row)
        await self._record_waiting(queues)
        now, monotonic = self._clock.now(), self._clock.monotonic()
        for queue in queues:
            if queue.may_begin(now, monotonic):
                queue.busy = True
                task = asyncio.create_task(self._work(queues, queue), name=f"reactions about {queue.key[1]}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if monotonic >= self._kept_at + KEEP_S:
            await self._keep(queues)
        return True

    @property
    def position(self) -> int:
        """The number of the event up to which every reaction is done or has a row."""
        return 0 if self._queues is None else self._queues.position

    async def news(self) -> None:
        """Waits until there may be something to do. Raises BmsError when the log can't be read."""
        queues = self._queues
        if queues is None:
            return
        full = queues.unfinished >= WINDOW
        if self._listening is None and not full:  # goes on from call to call: broken off, it costs a connection
            self._listening = asyncio.create_task(self._events.wait(queues.read, LONGEST_WAIT_S))
        ringing = asyncio.create_task(self._wakeup.wait())
        awaited = {ringing} if self._listening is None else {ringing, self._listening}
        await asyncio.wait(awaited, timeout=self._longest_wait_s(queues), return_when=asyncio.FIRST_COMPLETED)
        ringing.cancel()
        self._wakeup.clear()
        if self._listening is not None and self._listening.done():
            heard, self._listening = self._listening, None
            heard.result()

    async def run_until_idle(self) -> None:
        """Waits until everything is done and recorded that can be done now."""
        while await self.step():
            if self._tasks:
                await asyncio.wait(set(self._tasks))
                continue
            await asyncio.sleep(0)
            queues = self._queues
            assert queues is not None, "the step began"
            if await self._events.last() <= queues.read and not any(queue.fresh for queue in queues):
                await self._keep(queues)
                return

    async def stop(self) -> None:
        """Breaks off what is under way, which the next leader does again, and records how far it came. Raises Aborted
        where another process leads already."""
        if (queues := await self._break_off()) is not None:
            await self._keep(queues)

    async def _break_off(self) -> SubjectQueues | None:
        queues, self._queues = self._queues, None
        under_way = [*self._tasks, *([self._listening] if self._listening else [])]
        self._listening = None
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        return queues

    async def _begin(self) -> SubjectQueues:
        async with self._store.read() as tx:
            number = await tx.position(self._reader)
            kept = [(each.key, each.due_at) for each in await tx.waiting()]
            known = await tx.known(number)
        self._kept = number
        self._queues = SubjectQueues(number, kept, known)
        return self._queues

    def _enqueue(self, queues: SubjectQueues, number: int, row: Recorded) -> None:
        if row.name in _POKES:
            queues.make_due((str(row.details.get("of")), str(row.details.get("about"))), self._clock.now())
        handlers = self._handlers.of(row.name)
        works = [Work(number, place, handler, row) for place, handler in enumerate(handlers)]
        queues.take(number, (row.tenant, self._about(row) if works else ""), works)

    def _about(self, row: Recorded) -> str:
        try:
            return self._handlers.catalogue.read(row).payload.ordered_by(row.subject)
        except UnreadableEvent:
            return row.subject

    async def _record_waiting(self, queues: SubjectQueues) -> None:
        """Records new reactions of a subject that waits at once, so that the position can move on."""
        held = [queue for queue in queues if queue.due is not None and queue.fresh and not queue.busy]
        if held:
            works = [work for queue in held for work in queue.fresh]
            async with self._writing() as tx:
                await tx.add([self._row(queue, work) for queue in held for work in queue.fresh])
            for queue in held:
                queue.fresh.clear()
            queues.finish(works)

    async def _keep(self, queues: SubjectQueues) -> None:
        position = queues.position
        if position > self._kept:
            async with self._writing() as tx:
                await tx.keep_position(self._reader, position)
            self._kept = position
        self._kept_at = self._clock.monotonic()

    def _longest_wait_s(self, queues: SubjectQueues) -> float:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        keep = self._kept_at + KEEP_S - monotonic if queues.position > self._kept else LONGEST_WAIT_S
        return max(SHORTEST_WAIT_S, min(LONGEST_WAIT_S, keep, queues.wait_s(now, monotonic)))

    async def _work(self, queues: SubjectQueues, queue: SubjectQueue) -> None:
        """Works on a subject's queue: its rows, then what is new, until the first that must wait."""
        try:
            async with self._new if queue.due is None else self._again:
                if queue.due is None or await self._retry(queue):
                    await self._go_on(queues, queue)
        except BmsError as error:
            queue.resting_until = self._clock.monotonic() + REST_S
            log.warning("reactions about %s can't be recorded now: %s", queue.key[1], error.message)
        except Exception:
            queue.resting_until = self._clock.monotonic() + REST_S
            log.exception("reactions about %s failed unexpectedly, and will be repeated", queue.key[1])
        finally:
            queue.busy = False
            queues.forget(queue)
            self._wakeup.set()

    async def _go_on(self, queues: SubjectQueues, queue: SubjectQueue) -> None:
        while queue.fresh and queue.due is None:
            work = queue.fresh[0]
            outcome = await self._attempt(work.handler.name, work.row)
            match outcome:
                case None:
                    queue.fresh.popleft()
                    queues.finish([work])
                case DeadLetter(why):
                    await self._record_dead(self._row(queue, work), why, new=True)
                    queue.fresh.popleft()
                    queues.finish([work])
                case RetryLater(why):
                    waiting = list(queue.fresh)
                    first = self._postponed(self._row(queue, work), why)
                    async with self._writing() as tx:
                        await tx.add([first, *(self._row(queue, each) for each in waiting[1:])])
                    for _ in waiting:
                        queue.fresh.popleft()
                    queues.finish(waiting)
                    queue.due = first.due_at

    async def _retry(self, queue: SubjectQueue) -> bool:
        """Retries a subject's rows; returns whether none waits any more."""
        looked_for, queue.due = queue.due, None
        try:
            async with self._store.read() as tx:
                rows = await tx.queue(*queue.key)
            for row in rows:
                if row.due_at > self._clock.now():
                    queue.due = row.due_at
                    return False
                async with self._store.read() as tx:
                    event = await tx.event(row.number)
                gone = DeadLetter(f"event {row.number} is no longer in the log")
                outcome = gone if event is None else await self._attempt(row.handler, event)
                match outcome:
                    case None:
                        async with self._writing() as tx:
                            await tx.remove([row.id])
                        log.info("event %d (%s) was handled by %s after all", row.number, row.event, row.handler)
                    case DeadLetter(why):
                        await self._record_dead(row, why, new=False)
                    case RetryLater(why):
                        later = self._postponed(row, why)
                        async with self._writing() as tx:
                            if not await tx.save(later):
                                continue  # dismissed meanwhile
                        queue.due = later.due_at
                        return False
            return queue.due is None
        except BaseException:
            queue.due = queue.due or looked_for
            raise

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[ReactionsTx]:
        """A transaction of the leader. Raises Aborted where another process leads by now."""
        async with self._store.write() as tx:
            if self._leader is not None:
                await self._leader.fence(tx, self.term)
            yield tx

    async def _attempt(self, name: str, row: Recorded) -> Outcome:
        handler = next((each for each in self._handlers.of(row.name) if each.name == name), None)
        if handler is None:
            return DeadLetter(f"{row.name} has no reaction {name!r} here: use the release that had it, or dismiss it")
        try:
            event = self._handlers.catalogue.read(row)
        except UnreadableEvent as error:
            return DeadLetter(error.message)
        return await attempt(handler, event, self._limit_s)

    async def _record_dead(self, row: Reaction, why: str, *, new: bool) -> None:
        """Records a dead letter, with events in its tenant's log and in the operator's."""
        now = self._clock.now()
        dead = msgspec.structs.replace(row, state="dead", tries=row.tries + 1, due_at=now, error=why)
        async with self._writing() as tx:
            if await tx.leaving(row.tenant):
                await tx.remove([row.id])
                log.info("event %d (%s) of a tenant that was deleted is not handled: %s", row.number, row.event, why)
                return
            if new:
                await tx.add([dead])
            elif not await tx.save(dead):
                return  # dismissed meanwhile
            for log_of in sorted({row.tenant, self._operator}):
                event = dead.as_event(ReactionGivenUp, log_of, "system", now, tries=dead.tries, error=why[:500])
                await tx.emit(event)

    def _postponed(self, row: Reaction, why: str) -> Reaction:
        tries = row.tries + 1
        wait_s = pause_s(tries, self._share)
        log.warning(
            "event %d (%s) will be handled by %s again in %.0f s: %s", row.number, row.event, row.handler, wait_s, why
        )
        due_at = self._clock.now() + timedelta(seconds=wait_s)
        return msgspec.structs.replace(row, tries=tries, due_at=due_at, error=why)

    def _row(self, queue: SubjectQueue, work: Work) -> Reaction:
        now = self._clock.now()
        return Reaction(
            id=new_id("reaction"),
            number=work.number,
            place=work.place,
            handler=work.handler.name,
            event=work.row.name,
            tenant=queue.key[0],
            about=queue.key[1],
            state="waiting",
            tries=0,
            due_at=now,
            since=now,
        )
