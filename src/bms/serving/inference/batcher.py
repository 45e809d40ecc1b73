"""Which waiting calls run next, and which have waited too long: decisions only, no clock and no tasks of its own."""

from collections import deque
from collections.abc import Hashable

from bms.core.programs import Batching
from bms.serving.inference.call import Call


class _Group:
    """Calls that may share a batch, oldest first. Its figures may run ahead of cancelled calls until they are swept."""

    __slots__ = ("calls", "due", "expires", "rows")

    def __init__(self) -> None:
        self.calls: deque[Call] = deque()
        self.rows = 0
        self.due = float("inf")
        self.expires = float("inf")


class Batcher:
    """The waiting room.

    A call is held for company for at most `max_wait_s`, and for no more than half of what is left of its deadline.
    Within a group calls run in order of arrival; among groups that are due, the one with the oldest call goes first.
    A call of more than `max_rows` rows runs alone.
    """

    def __init__(self, options: Batching) -> None:
        self._max_rows = options.max_rows
        self._max_wait = options.max_wait_s if options.max_rows > 1 else 0.0
        self._groups: dict[Hashable, _Group] = {}
        self._waiting = 0

    def __len__(self) -> int:
        """Calls that wait and were not cancelled."""
        return self._waiting

    def add(self, call: Call) -> None:
        group = self._groups.get(call.group)
        if group is None:
            group = self._groups[call.group] = _Group()
        group.calls.append(call)
        group.rows += call.rows
        call.waiting = True
        self._waiting += 1
        self._note(group, call)

    def cancel(self, call: Call) -> None:
        """Marks a call, and forgets it if it waits here."""
        call.cancelled = True
        if call.waiting:
            call.waiting = False
            self._waiting -= 1

    def hurry(self) -> None:
        """From now on nobody is held for company: no more of it will come."""
        self._max_wait = 0.0
        for group in self._groups.values():
            group.due = float("-inf")

    def expire(self, now: float) -> list[Call]:
        """Removes and returns the calls whose deadline has passed."""
        expired: list[Call] = []
        for key, group in list(self._groups.items()):
            if group.expires <= now:
                late = [call for call in group.calls if call.deadline is not None and call.deadline <= now]
                expired += [call for call in late if call.waiting]
                kept = [call for call in group.calls if call.deadline is None or call.deadline > now]
                self._refill(key, group, kept)
        return self._out(expired)

    def take(self, now: float) -> list[Call]:
        """Removes and returns the next batch; empty when nothing is due. Call `expire` first."""
        chosen: Hashable = None
        oldest = float("inf")
        for key, group in list(self._groups.items()):
            calls = group.calls
            while calls and calls[0].cancelled:
                group.rows -= calls.popleft().rows
            if not calls:
                del self._groups[key]
            elif (group.due <= now or group.rows >= self._max_rows) and calls[0].arrived < oldest:
                chosen, oldest = key, calls[0].arrived
        return self._cut(chosen) if oldest < float("inf") else []

    def wakes_at(self) -> float | None:
        """When `take` or `expire` may next have something, if nothing else happens; None: never."""
        at = min((min(group.due, group.expires) for group in self._groups.values()), default=float("inf"))
        return None if at == float("inf") else at

    def expires_at(self) -> float | None:
        """When `expire` may next have something; None: never."""
        at = min((group.expires for group in self._groups.values()), default=float("inf"))
        return None if at == float("inf") else at

    def _cut(self, key: Hashable) -> list[Call]:
        group = self._groups[key]
        batch: list[Call] = []
        rows = 0
        calls = group.calls
        while calls and (not batch or calls[0].cancelled or rows + calls[0].rows <= self._max_rows):
            call = calls.popleft()
            if not call.cancelled:
                batch.append(call)
                rows += call.rows
        self._refill(key, group, calls)
        return self._out(batch)

    def _out(self, calls: list[Call]) -> list[Call]:
        for call in calls:
            call.waiting = False
        self._waiting -= len(calls)
        return calls

    def _refill(self, key: Hashable, group: _Group, calls: list[Call] | deque[Call]) -> None:
        if not calls:
            del self._groups[key]
            return
        group.calls, group.rows = deque(calls), 0
        group.due = group.expires = float("inf")
        for call in calls:
            if not call.cancelled:
                group.rows += call.rows
                self._note(group, call)

    def _note(self, group: _Group, call: Call) -> None:
        due = call.arrived + self._max_wait
        if call.deadline is not None:
            group.expires = min(group.expires, call.deadline)
            due = min(due, call.arrived + (call.deadline - call.arrived) / 2)
        group.due = min(group.due, due)
