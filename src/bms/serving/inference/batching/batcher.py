"""Chooses which waiting micro-batches run next, and which have waited too long: decisions only, no clock and no tasks
of its own."""

from bisect import insort
from collections import deque

from bms.serving.inference.batching.batch_keys import BatchKey
from bms.serving.inference.batching.micro_batch import Batch, MicroBatch
from bms.serving.inference.batching.policy import Decision, Policy, Static, WaitingGroup

USUAL_LEVEL = 10  # what priority 0 stands for
LOWEST_LEVEL = 100
LEVEL_S = 0.25  # for so long may a parcel be overtaken by those that come later, per level
_NEVER = float("inf")


def order_of(arrived: float, priority: int) -> float:
    """Returns the sort key of a call by its arrival and priority: the least leaves first."""
    return arrived + LEVEL_S * min(priority or USUAL_LEVEL, LOWEST_LEVEL)


class _Group:
    """Waiting micro-batches of one batch key, in the order in which they leave; cancelled ones stay until they are
    swept.

    `oldest`, `patient` and `expires` are never later than the parcels' own; `rows` counts no cancelled ones.
    """

    __slots__ = ("at", "expires", "kind", "mixed", "oldest", "parcels", "patient", "rows")

    def __init__(self, kind: BatchKey) -> None:
        self.kind = kind
        self.parcels: deque[MicroBatch] = deque()
        self.rows = 0
        self.mixed = False  # parcels did not come in the order in which they leave
        self.at = 0.0  # when to decide again
        self.oldest = self.patient = self.expires = _NEVER


class Batcher:
    """The queue of waiting micro-batches.

    When parcels leave, and how many rows together, is up to `policy`; nobody is held for more than half of what is
    left of its deadline. A parcel of more than the policy's `max_rows` rows runs alone.

    Priority 1 is the highest; 0 is the usual level, which is 10. Parcels leave by their time of arrival plus 0.25 s
    for every level: a higher level goes first, and nobody is overtaken for ever. Among groups that are due the one
    whose first parcel would leave first goes first.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._groups: dict[BatchKey, _Group] = {}
        self._waiting = 0
        self.rows = 0  # of all that wait

    def __len__(self) -> int:
        """Micro-batches that wait and were not cancelled."""
        return self._waiting

    def add(self, parcel: MicroBatch) -> None:
        kind = parcel.kind
        group = self._groups.get(kind)
        if group is None:
            group = self._groups[kind] = _Group(kind)
        rows = parcel.rows
        parcel.waiting = True
        self._waiting += 1
        self.rows += rows
        group.rows += rows
        group.at = 0.0
        kind.rate.add(rows)
        level = parcel.priority or USUAL_LEVEL  # as `order_of`, without a call for every parcel
        order = parcel.order = parcel.arrived + LEVEL_S * (level if level < LOWEST_LEVEL else LOWEST_LEVEL)
        if parcel.arrived < group.oldest:
            group.oldest = parcel.arrived
        deadline = parcel.deadline
        if deadline is not None:
            parcel.latest = deadline - kind.profile.times.least(rows)
            if parcel.latest < group.expires:
                group.expires = parcel.latest
            patient = (parcel.arrived + deadline) / 2
            if patient < group.patient:
                group.patient = patient
        parcels = group.parcels
        if parcels and order < parcels[-1].order:
            group.mixed = True
            insort(parcels, parcel, key=_order)
        else:
            parcels.append(parcel)

    def cancel(self, parcel: MicroBatch) -> None:
        """Marks a micro-batch as cancelled, and removes it if it waits here."""
        parcel.cancelled = True
        if parcel.waiting:
            self._out(self._groups[parcel.kind], parcel)

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
                late = [one for one in group.parcels if one.waiting and one.latest is not None and one.latest <= now]
                for parcel in late:
                    self._out(group, parcel)
                expired += late
                self._tidy(group)
        return expired

    def take(self, now: float) -> Batch | None:
        """Removes and returns the next batch; None when nothing is due. Call `expire` first."""
        chosen: _Group | None = None
        decision: Decision | None = None
        for group in list(self._groups.values()):
            parcels = group.parcels
            while parcels and not parcels[0].waiting:
                parcels.popleft()
            if not parcels:
                del self._groups[group.kind]
            elif group.at <= now and (chosen is None or parcels[0].order < chosen.parcels[0].order):
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
        kind = group.kind
        if not kind.batched:
            return Decision(1, now, "full")
        waiting = WaitingGroup(now, group.rows, group.oldest, group.patient, kind.rate)
        return self._policy.decide(waiting, kind.profile.times, kind.experience)

    def _cut(self, group: _Group, decision: Decision) -> Batch:
        group.kind.experience.left(group.rows)
        batch: list[MicroBatch] = []
        rows = 0
        parcels = group.parcels
        single = not group.kind.batched
        while parcels:
            parcel = parcels[0]
            if parcel.waiting:
                if batch and (single or rows + parcel.rows > decision.rows):
                    break
                batch.append(parcel)
                rows += parcel.rows
                self._out(group, parcel)
            parcels.popleft()
        if not parcels:
            del self._groups[group.kind]
        elif group.mixed:
            group.oldest = min(parcel.arrived for parcel in parcels)
        else:
            group.oldest = parcels[0].arrived
        return Batch(batch, rows, decision.reason)

    def _out(self, group: _Group, parcel: MicroBatch) -> None:
        parcel.waiting = False
        self._waiting -= 1
        self.rows -= parcel.rows
        group.rows -= parcel.rows

    def _tidy(self, group: _Group) -> None:
        """Sweeps cancelled micro-batches out of a group, so that its numbers are exact."""
        group.parcels = deque(parcel for parcel in group.parcels if parcel.waiting)
        group.oldest = group.patient = group.expires = _NEVER
        if not group.parcels:
            del self._groups[group.kind]
        for parcel in group.parcels:
            group.oldest = min(group.oldest, parcel.arrived)
            if parcel.deadline is not None and parcel.latest is not None:
                group.expires = min(group.expires, parcel.latest)
                group.patient = min(group.patient, (parcel.arrived + parcel.deadline) / 2)


def _order(parcel: MicroBatch) -> float:
    return parcel.order
