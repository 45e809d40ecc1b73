"""Chooses which waiting micro-batches run next, and which have waited too long: decisions only, no clock and no tasks
of its own."""

from bisect import insort
from collections import deque

from bms.serving.inference.batching.batch_keys import BatchKey
from bms.serving.inference.batching.micro_batch import Batch, MicroBatch
from bms.serving.inference.batching.policy import Decision, Policy, Static, WaitingGroup

USUAL_LEVEL = 10  # what priority 0 stands for
LOWEST_LEVEL = 100
LEVEL_S = 0.25  # for so long may a micro-batch be overtaken by those that come later, per level
_NEVER = float("inf")


def order_of(arrived: float, priority: int) -> float:
    """Returns the sort key of a call by its arrival and priority: the least leaves first."""
    return arrived + LEVEL_S * min(priority or USUAL_LEVEL, LOWEST_LEVEL)


class _Group:
    """Waiting micro-batches of one batch key, in the order in which they leave; cancelled ones stay until they are
    swept.

    `oldest`, `patient` and `expires` are never later than the micro-batches' own; `rows` counts no cancelled ones.
    """

    __slots__ = ("at", "batch_key", "expires", "micro_batches", "mixed", "oldest", "patient", "rows")

    def __init__(self, batch_key: BatchKey) -> None:
        self.batch_key = batch_key
        self.micro_batches: deque[MicroBatch] = deque()
        self.rows = 0
        self.mixed = False  # micro-batches did not come in the order in which they leave
        self.at = 0.0  # when to decide again
        self.oldest = self.patient = self.expires = _NEVER


class Batcher:
    """The queue of waiting micro-batches.

    When micro-batches leave, and how many rows together, is up to `policy`; nobody is held for more than half of what
    is left of its deadline. A micro-batch of more than the policy's `max_rows` rows runs alone.

    Priority 1 is the highest; 0 is the usual level, which is 10. Parcels leave by their time of arrival plus 0.25 s
    for every level: a higher level goes first, and nobody is overtaken for ever. Among groups that are due the one
    whose first micro-batch would leave first goes first.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._groups: dict[BatchKey, _Group] = {}
        self._waiting = 0
        self.rows = 0  # of all that wait

    def __len__(self) -> int:
        """Micro-batches that wait and were not cancelled."""
        return self._waiting

    def add(self, micro_batch: MicroBatch) -> None:
        batch_key = micro_batch.batch_key
        group = self._groups.get(batch_key)
        if group is None:
            group = self._groups[batch_key] = _Group(batch_key)
        rows = micro_batch.rows
        micro_batch.waiting = True
        self._waiting += 1
        self.rows += rows
        group.rows += rows
        group.at = 0.0
        batch_key.rate.add(rows)
        level = micro_batch.priority or USUAL_LEVEL  # as `order_of`, without a call for every micro-batch
        order = micro_batch.order = micro_batch.arrived + LEVEL_S * (level if level < LOWEST_LEVEL else LOWEST_LEVEL)
        if micro_batch.arrived < group.oldest:
            group.oldest = micro_batch.arrived
        deadline = micro_batch.deadline
        if deadline is not None:
            micro_batch.latest = deadline - batch_key.profile.times.least(rows)
            if micro_batch.latest < group.expires:
                group.expires = micro_batch.latest
            patient = (micro_batch.arrived + deadline) / 2
            if patient < group.patient:
                group.patient = patient
        micro_batches = group.micro_batches
        if micro_batches and order < micro_batches[-1].order:
            group.mixed = True
            insort(micro_batches, micro_batch, key=_order)
        else:
            micro_batches.append(micro_batch)

    def cancel(self, micro_batch: MicroBatch) -> None:
        """Marks a micro-batch as cancelled, and removes it if it waits here."""
        micro_batch.cancelled = True
        if micro_batch.waiting:
            self._out(self._groups[micro_batch.batch_key], micro_batch)

    def hurry(self) -> None:
        """Holds nothing back for a fuller batch from now on: no more calls will come."""
        self._policy = Static(self._policy.max_rows, 0.0)
        for group in self._groups.values():
            group.at = 0.0

    def expire(self, now: float) -> list[MicroBatch]:
        """Removes and returns the micro-batches that can't be answered in time any more."""
        expired: list[MicroBatch] = []
        for group in list(self._groups.values()):
            if group.expires <= now:
                late = [
                    one for one in group.micro_batches if one.waiting and one.latest is not None and one.latest <= now
                ]
                for micro_batch in late:
                    self._out(group, micro_batch)
                expired += late
                self._sweep(group)
        return expired

    def take(self, now: float) -> Batch | None:
        """Removes and returns the next batch; None when nothing is due. Call `expire` first."""
        chosen: _Group | None = None
        decision: Decision | None = None
        for group in list(self._groups.values()):
            micro_batches = group.micro_batches
            while micro_batches and not micro_batches[0].waiting:
                micro_batches.popleft()
            if not micro_batches:
                del self._groups[group.batch_key]
            elif group.at <= now and (chosen is None or micro_batches[0].order < chosen.micro_batches[0].order):
                made = self._decided(group, now)
                if made.rows:
                    chosen, decision = group, made
                else:
                    group.at = made.at
        return None if chosen is None or decision is None else self._cut(chosen, decision)

    def wakes_at(self) -> float | None:
        """When `take` or `expire` may next have something, if nothing else happens; None: never."""
        at = min((min(group.at, group.expires) for group in self._groups.values()), default=_NEVER)
        return None if at == _NEVER else at

    def expires_at(self) -> float | None:
        """When `expire` may next have something; None: never."""
        at = min((group.expires for group in self._groups.values()), default=_NEVER)
        return None if at == _NEVER else at

    def _decided(self, group: _Group, now: float) -> Decision:
        batch_key = group.batch_key
        if not batch_key.batched:
            return Decision(1, now, "full")
        waiting = WaitingGroup(now, group.rows, group.oldest, group.patient, batch_key.rate)
        return self._policy.decide(waiting, batch_key.profile.times, batch_key.wait_statistics)

    def _cut(self, group: _Group, decision: Decision) -> Batch:
        group.batch_key.wait_statistics.left(group.rows)
        batch: list[MicroBatch] = []
        rows = 0
        micro_batches = group.micro_batches
        single = not group.batch_key.batched
        while micro_batches:
            micro_batch = micro_batches[0]
            if micro_batch.waiting:
                if batch and (single or rows + micro_batch.rows > decision.rows):
                    break
                batch.append(micro_batch)
                rows += micro_batch.rows
                self._out(group, micro_batch)
            micro_batches.popleft()
        if not micro_batches:
            del self._groups[group.batch_key]
        elif group.mixed:
            group.oldest = min(micro_batch.arrived for micro_batch in micro_batches)
        else:
            group.oldest = micro_batches[0].arrived
        return Batch(batch, rows, decision.reason)

    def _out(self, group: _Group, micro_batch: MicroBatch) -> None:
        micro_batch.waiting = False
        self._waiting -= 1
        self.rows -= micro_batch.rows
        group.rows -= micro_batch.rows

    def _sweep(self, group: _Group) -> None:
        """Sweeps cancelled micro-batches out of a group, so that its numbers are exact."""
        group.micro_batches = deque(micro_batch for micro_batch in group.micro_batches if micro_batch.waiting)
        group.oldest = group.patient = group.expires = _NEVER
        if not group.micro_batches:
            del self._groups[group.batch_key]
        for micro_batch in group.micro_batches:
            group.oldest = min(group.oldest, micro_batch.arrived)
            if micro_batch.deadline is not None and micro_batch.latest is not None:
                group.expires = min(group.expires, micro_batch.latest)
                group.patient = min(group.patient, (micro_batch.arrived + micro_batch.deadline) / 2)


def _order(micro_batch: MicroBatch) -> float:
    return micro_batch.order
