"""Publishes the snapshot: keeps it current by events, and feeds updates to each connected gateway.

Only entries that events concern are read again: one change costs as much among ten thousand deployments as alone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Sequence
from functools import partial

from bms.control.platform.transactions import EventLog
from bms.control.snapshots.acknowledgements import Acknowledgements
from bms.control.snapshots.feed import SnapshotFeed
from bms.control.snapshots.positions import KEEP_S, OtherProcesses
from bms.control.snapshots.rollout_barrier import RolloutBarrier
from bms.control.snapshots.sources import Entries, EntrySource
from bms.control.snapshots.state import SnapshotEntries
from bms.core.clock import Clock
from bms.core.errors import BmsError
from bms.core.events import Recorded
from bms.core.serving.snapshot import Entry, EntryName, name_of

log = logging.getLogger("bms.publisher")
_RETRY_S = 0.2
_REPORTS_S = 0.02  # between two words about how far gateways are


class Publisher:
    """The publisher of the snapshot, made of the entries of its sources. `pepper` is the key with which gateways check
    API keys' secrets."""

    def __init__(
        self, sources: Sequence[EntrySource], events: EventLog, clock: Clock, pepper: bytes, others: OtherProcesses
    ) -> None:
        kinds = [source.kind for source in sources]
        if len(set(kinds)) < len(kinds):
            raise TypeError(f"every kind of entry has one source, but these have: {', '.join(sorted(kinds))}")
        self._sources = tuple(sources)
        self._events = events
        self._clock = clock
        self._pepper = pepper
        self._others = others
        self._state = SnapshotEntries()
        self._acknowledgements = Acknowledgements(clock.monotonic())
        self._releasing = RolloutBarrier()
        self._feeds: dict[int, SnapshotFeed] = {}
        self._connections = 0
        self._progress = asyncio.Event()  # set, and replaced, when gateways or the snapshot have come further
        self._reading = asyncio.Lock()  # what was read first must not be published last

    @property
    def entries(self) -> Entries:
        return self._state.entries

    @property
    def revision(self) -> int:
        return self._state.revision

    @property
    def last_event(self) -> int:
        """Number of the last event that the snapshot takes account of."""
        return self._state.last_event

    async def start(self) -> None:
        """Reads everything; must have returned before a gateway is let in."""
        await self._others.begin()
        await self.refresh()

    async def run(self) -> None:
        """Keeps the snapshot current, for ever; a change is published as soon as its event is committed."""
        while True:
            try:
                await self._events.wait(self.last_event, 60.0)
                while batch := await self._events.since(self.last_event):
                    async with self._reading:
                        await self._reread(batch)
            except BmsError as error:
                log.warning("the snapshot can't be brought up to date now: %s", error.message)
                await asyncio.sleep(_RETRY_S)

    async def report(self) -> None:
        """Reports to other processes, for ever, how far this one's gateways have come: at once where there are any, now
        and then in any case; and in the end that there are none."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                position, until = self._position(), loop.time() + KEEP_S
                try:
                    await self._others.keep(position)
                except BmsError as error:
                    log.warning("other processes can't be told how far our gateways are: %s", error.message)
                while loop.time() < until and (self._position() == position or not self._others.known):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout_at(until):
                            await self.wait_progress()
                await asyncio.sleep(_REPORTS_S)
        finally:
            with contextlib.suppress(BmsError):
                await self._others.end()

    async def refresh(self) -> None:
        """Reads everything anew and publishes what changed."""
        async with self._reading:
            number = await self._events.last()  # before the state is read, so that nothing falls in between
            found: list[Entry] = []
            for source in self._sources:
                found += await source.entries()
            self._publish(found, list(self.entries), number)

    async def _reread(self, batch: Sequence[tuple[int, Recorded]]) -> None:
        """Reads again what may have changed, and publishes what did."""
        events = [event for _, event in batch]
        found: list[Entry] = []
        asked: list[EntryName] = []
        for source in self._sources:
            ids = await source.changed(events, self.entries)
            if ids is None:
                asked += [name for name in self.entries if name[0] == source.kind]
            else:
                asked += [(source.kind, id) for id in ids]
            if ids is None or ids:
                found += await source.entries(ids)
        self._publish(found, asked, batch[-1][0])

    def _publish(self, found: Sequence[Entry], asked: Sequence[EntryName], number: int) -> None:
        """Publishes the entries that were read; those of `asked` that were not `found` have ended."""
        there = {name_of(entry) for entry in found}
        changed = self._state.change(found, [name for name in asked if name not in there], number)
        for feed in self._feeds.values():
            feed.changed(changed)
        self._wake()

    async def wait_applied(self, timeout_s: float) -> bool:
        """Waits until every gateway routes by all that is committed now; False when the time is up.

        So that who made a key can use it at once, and who revoked one knows it refused.
        """
        loop = asyncio.get_running_loop()
        until, number = loop.time() + timeout_s, await self._events.last()
        try:
            async with asyncio.timeout_at(until):
                while self.last_event < number or not self._acknowledgements.all_applied(self.revision):
                    await self.wait_progress()
        except TimeoutError:
            return False
        while self._others.known and await self._others.behind(number):
            if loop.time() >= until:
                return False
            await asyncio.sleep(_REPORTS_S)
        return True

    async def wait_progress(self) -> None:
        """Waits until a gateway, or this snapshot itself, has become newer, or a gateway has come or gone."""
        await self._progress.wait()

    def _wake(self) -> None:
        progress, self._progress = self._progress, asyncio.Event()
        progress.set()

    def connect(self) -> SnapshotFeed:
        """The feed for one connection of a gateway; to be closed with it."""
        self._connections += 1
        connection = self._connections
        self._acknowledgements.connected(connection)
        feed = SnapshotFeed(
            self._state, self._pepper, partial(self._applied, connection), partial(self._gone, connection)
        )
        self._feeds[connection] = feed
        self._wake()
        return feed

    async def released(self, replicas: Collection[str]) -> frozenset[str]:
        """The drained `replicas` that no gateway sends to any more, whichever process it is connected to."""
        last, theirs = await self._events.last(), await self._others.position()
        ours = self._position()
        position = ours if theirs is None else min(ours, theirs)
        return self._releasing.released(replicas, last, self.last_event, position, self._clock.monotonic())

    def _position(self) -> int:
        return self._acknowledgements.position(self.revision, self.last_event, self._clock.monotonic())

    def _applied(self, connection: int, revision: int) -> None:
        self._acknowledgements.applied(connection, revision)
        self._wake()

    def _gone(self, connection: int) -> None:
        self._feeds.pop(connection, None)
        self._acknowledgements.gone(connection, self._clock.monotonic())
        self._wake()
