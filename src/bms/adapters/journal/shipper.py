"""Sends journalled usage to control until it acknowledges, then deletes it: at least once, in order per source.

One batch is under way at a time. A batch that is not acknowledged in time, or whose connection breaks, is sent
again; (source, seq) lets control count it once.
"""

import asyncio
import logging
import os
from collections.abc import Callable

from bms.adapters.journal.lives import Segment, forget, is_over, read_runs, segments
from bms.adapters.journal.records import last_seq
from bms.adapters.journal.writer import Journal, segment_path
from bms.core.errors import DataLoss

log = logging.getLogger(__name__)
UNREADABLE = ".unreadable"
Send = Callable[[str, list[bytes]], bool]


class Shipper:
    """Ships the journal `own`, and what former processes left beside it. `send` gives a batch of encoded runs of one
    source to the bus, and says whether there was a connection to take it. `batch` is in bytes."""

    def __init__(
        self, own: Journal, send: Send, *, batch: int = 1 << 20, gather_s: float = 0.2, resend_s: float = 5.0
    ) -> None:
        self._own = own
        self._send = send
        self._batch = batch
        self._gather_s = gather_s
        self._resend_s = resend_s
        self._segment = 0  # where in our own segments the first unacknowledged event is
        self._offset = 0
        self._acknowledged: dict[str, int] = {}
        self._ack = asyncio.Event()
        self._connected = asyncio.Event()
        self._work = asyncio.Event()
        self.unreadable = 0  # segments that were set aside in this life
        self._look_back = True
        self._connections = 0  # so far; a batch sent on a former one will not be acknowledged on this
        own.on_written = self._written

    def connected(self) -> None:
        """Called when the bus is connected: what was not acknowledged may be sent (again)."""
        self._connections += 1
        self._connected.set()
        self._work.set()
        self._look_back = True

    def lost(self) -> None:
        self._connected.clear()
        self._ack.set()

    def acknowledged(self, source: str, seq: int) -> None:
        if seq > self._acknowledged.get(source, 0):
            self._acknowledged[source] = seq
        self._ack.set()

    @property
    def unshipped(self) -> int:
        """The number of our own events that are not acknowledged yet."""
        return self._own.seq - self._acknowledged.get(self._own.source, 0)

    async def run(self) -> None:
        while True:
            await self._connected.wait()
            if self._look_back:
                self._look_back = not await self._ship_former_lives()
            shipped = await self._ship_own()
            if not shipped:
                await self._work.wait()
            if not (shipped and self._batch_is_full):  # a commit costs control as much for one event as for many
                self._work.clear()
                await asyncio.sleep(self._gather_s)

    @property
    def _batch_is_full(self) -> bool:
        return self._segment < self._own.segment or self._own.size - self._offset >= self._batch

    async def drain(self, timeout_s: float) -> bool:
        """Waits until all of our own events are acknowledged; False where time or connection run out first."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.unshipped:
                    if not self._connected.is_set():
                        return False
                    self._work.set()
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return False
        return True

    def remove_own(self) -> None:
        """Deletes this process's files, all acknowledged, once the journal is closed."""
        for number in range(self._segment, self._own.segment + 1):
            segment_path(self._own.directory, self._own.source, number).unlink(missing_ok=True)
        forget(self._own.directory, self._own.source)

    def _written(self) -> None:
        if not self._work.is_set():
            self._work.set()

    async def _ship_own(self) -> bool:
        """Ships one batch of ours. False when there was nothing, or it was not acknowledged."""
        path = segment_path(self._own.directory, self._own.source, self._segment)
        closed = self._segment < self._own.segment
        if not closed and self._offset >= self._own.size:
            return False
        found = await asyncio.to_thread(read_runs, path, self._offset, self._batch)
        if found.records:
            if not await self._deliver(self._own.source, found.records):
                return False
            self._offset = found.end
        elif closed:
            path.unlink(missing_ok=True)
            self._segment, self._offset = self._segment + 1, 0
        return bool(found.records) or closed

    async def _ship_former_lives(self) -> bool:
        """True when nothing of them is left, or only what living processes still write."""
        for segment in await asyncio.to_thread(self._left_behind):
            if not await self._ship_segment(segment):
                return False
        return True

    def _left_behind(self) -> list[Segment]:
        found = [segment for segment in segments(self._own.directory) if segment.source != self._own.source]
        over = {source: is_over(self._own.directory, source) for source in {segment.source for segment in found}}
        return [segment for segment in found if over[segment.source]]

    async def _ship_segment(self, segment: Segment) -> bool:
        offset = 0
        while True:
            found = await asyncio.to_thread(read_runs, segment.path, offset, self._batch)
            if not found.records:
                break
            good, damage = _readable(found.records)
            if good and not await self._deliver(segment.source, good):
                return False
            if damage is not None:
                await asyncio.to_thread(self._set_aside, segment, damage)
                return True
            offset = found.end
        if found.torn:
            log.warning("usage journal: %s ends within a record that was never acknowledged", segment.path.name)
        await asyncio.to_thread(self._forget_segment, segment)
        return True

    def _set_aside(self, segment: Segment, error: DataLoss) -> None:
        """Moves a damaged segment aside: what follows would wait for its numbers for ever, and so would all other
        sources."""
        following = [each for each in segments(self._own.directory) if each.source == segment.source]
        for each in following:
            os.replace(each.path, each.path.with_suffix(UNREADABLE))
        self.unreadable += len(following)
        log.error(
            "usage journal: %s can't be read (%s). %d segments of that source are kept as *%s and not booked: use a "
            "release that reads them, and name them *.seg again",
            segment.path.name, error, len(following), UNREADABLE,
        )  # fmt: skip

    def _forget_segment(self, segment: Segment) -> None:
        segment.path.unlink(missing_ok=True)
        if not any(other.source == segment.source for other in segments(self._own.directory)):
            forget(self._own.directory, segment.source)

    async def _deliver(self, source: str, runs: list[bytes]) -> bool:
        """Sends until acknowledged. False when the connection is lost first."""
        last = last_seq(runs[-1])
        while self._acknowledged.get(source, 0) < last:
            if not self._connected.is_set():
                return False
            if not self._send(source, runs):
                self._connected.clear()
                return False
            if not await self._acknowledged_in_time(source, last):
                log.warning("usage journal: %s not acknowledged in time up to event %d; sent again", source, last)
        return True

    async def _acknowledged_in_time(self, source: str, last: int) -> bool:
        connection = self._connections
        try:
            async with asyncio.timeout(self._resend_s):
                while (
                    self._acknowledged.get(source, 0) < last
                    and self._connected.is_set()
                    and self._connections == connection
                ):
                    self._ack.clear()
                    await self._ack.wait()
        except TimeoutError:
            return False
        return True


def _readable(runs: list[bytes]) -> tuple[list[bytes], DataLoss | None]:
    """Those before the first that is no run of any version, and what is wrong with that one."""
    for at, run in enumerate(runs):
        try:
            last_seq(run)
        except DataLoss as error:
            return runs[:at], error
    return runs, None
