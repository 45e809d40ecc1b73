"""Orders reactions while they are worked on: one queue per subject, and the position up to which all is done.

In memory only; rows and the log restore it after a crash. Pure.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bms.control.platform.handlers import EventHandler
from bms.core.events import Recorded

Key = tuple[str, str]
"""(tenant, what it is about)"""


@dataclass(frozen=True)
class Work:
    """One call of a handler after one event; `place` is the handler's among those of the event."""

    number: int
    place: int
    handler: EventHandler
    row: Recorded


@dataclass
class SubjectQueue:
    """The reactions about one subject, in order. `due`: rows of it wait, the first until then."""

    key: Key
    fresh: deque[Work] = field(default_factory=deque)
    due: datetime | None = None
    busy: bool = False
    resting_until: float = 0.0  # monotonic seconds: the store was away

    @property
    def idle(self) -> bool:
        return not self.busy and not self.fresh and self.due is None

    def may_begin(self, now: datetime, monotonic: float) -> bool:
        if self.busy or monotonic < self.resting_until:
            return False
        return bool(self.fresh) if self.due is None else self.due <= now


class SubjectQueues:
    """All queues by subject. `read` is the number of the last event that was taken in."""

    def __init__(self, read: int, kept: Iterable[tuple[Key, datetime]], known: frozenset[tuple[int, str]]) -> None:
        """`kept` are queues with rows, and when the first of each is due; `known` rows of events after `read`."""
        self.read = read
        self._known = known
        self._queues = {key: SubjectQueue(key, due=due) for key, due in kept}
        self._open: Counter[int] = Counter()  # works that are neither done nor have a row, by event

    def __iter__(self) -> Iterator[SubjectQueue]:
        return iter(list(self._queues.values()))

    def take(self, number: int, key: Key, works: Iterable[Work]) -> None:
        """Takes in the next event's reactions."""
        self.read = number
        new = [work for work in works if (number, work.handler.name) not in self._known]
        if new:
            self._queues.setdefault(key, SubjectQueue(key)).fresh.extend(new)
            self._open[number] += len(new)

    def make_due(self, key: Key, now: datetime) -> None:
        """Makes the subject due now, since its rows were changed."""
        self._queues.setdefault(key, SubjectQueue(key)).due = now

    def finish(self, works: Iterable[Work]) -> None:
        """Marks these as done, or recorded in rows."""
        for work in works:
            self._open[work.number] -= 1
            if not self._open[work.number]:
                del self._open[work.number]

    def forget(self, queue: SubjectQueue) -> None:
        """Removes the queue if nothing is left in it."""
        if queue.idle:
            self._queues.pop(queue.key, None)

    @property
    def unfinished(self) -> int:
        """The events of which a reaction is neither done nor has a row."""
        return len(self._open)

    @property
    def position(self) -> int:
        """The number of the event up to which every reaction is done or has a row."""
        return min(self._open) - 1 if self._open else self.read

    def wait_s(self, now: datetime, monotonic: float) -> float:
        """Seconds until a queue that waits is due."""
        return min(
            (_wait_s(queue, now, monotonic) for queue in self._queues.values() if not queue.busy), default=math.inf
        )


def _wait_s(queue: SubjectQueue, now: datetime, monotonic: float) -> float:
    due = 0.0 if queue.due is None else (queue.due - now).total_seconds()
    return max(due, queue.resting_until - monotonic)
