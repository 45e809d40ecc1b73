"""Batching policies: how many waiting rows leave together, and when, for one group of micro-batches that may share a
run.

The adaptive one keeps to a latency objective. What it knows is measured: the service time s(n) by batch size, and
the rate r at which rows arrive.

- How much: the number of rows with the most rows per second, n / s(n); between measured sizes s is linear, so the best
  is at a measured size or is all that waits. Where a smaller number is hardly slower and only its run would end within
  the objective of the oldest micro-batch, that one. A bound on batches that follows from a latency objective is
  Clipper's idea (Crankshaw et al., NSDI 2017, section 4.3); Clipper finds its bound by trial, here it is read from s.
- How long: a free model runs what waits at once. That batches then grow with the load by themselves, and what latency
  follows, is analysed by Inoue ("Queueing analysis of GPU-based inference servers with dynamic batching", 2021).
  Holding back pays where starting a run costs something (Deb and Serfozo, "Optimal control of batch service queues",
  1973: run when a threshold of rows waits). So rows are held only where runs of the present size would keep the model
  busy nearly all the time, and a larger size m would not, and a whole cycle of it, m / r + s(m), is within the
  objective: the same answers, still in time, for less of the machine. Whether more rows come is not sure, e.g. when
  every client already waits: `WaitStatistics` remembers.
"""

from typing import Literal, NamedTuple, Protocol

from bms.core.workloads.programs import Batching
from bms.serving.inference.batching.rate import Rate
from bms.serving.inference.batching.times import ServiceTimes

Reason = Literal["full", "timer", "idle", "deadline"]
_NEVER = float("inf")
_BUSY = 0.8  # share of the model's time from which on larger runs are worth waiting for
_IDLE_SHARE = 0.7  # and what it must come down to by them
_ALIKE = 0.95  # of the most rows per second: measured alike, so the larger
_NEARLY = 0.98  # of the most rows per second, given up to be in time
_TRIED = 64  # one batch in so many is larger than what seems best
_MOST_FAILURES = 8  # waits in vain in a row; after k of them 2**k - 1 batches are not held
_PATIENCE = 2.0  # times the time in which the rows should come
_OBJECTIVE_SHARE = 0.9  # of the objective that is planned with


class WaitingGroup(NamedTuple):
    """The figures of one group that waits. Times are monotonic seconds."""

    now: float
    rows: int
    oldest: float  # arrival
    patient: float  # until when everybody's own deadline allows to be held
    rate: Rate  # at which rows arrive


class Decision(NamedTuple):
    """Take at most `rows` rows now; 0: ask again when more has arrived, and not later than `at`."""

    rows: int
    at: float
    reason: Reason


class WaitStatistics:
    """Remembers whether holding batches of one key brought more rows.

    After waits in vain fewer and fewer batches are held.
    """

    __slots__ = ("_failures", "_hoped", "_limited", "_skip", "until")

    def __init__(self) -> None:
        self.until = _NEVER  # the end of the wait that goes on
        self._hoped = 0.0
        self._failures = 0
        self._skip = 0
        self._limited = 0

    @property
    def worth_holding(self) -> bool:
        """Whether it is worth holding the next batch."""
        return self._skip == 0

    @property
    def held(self) -> bool:
        """Whether the group is being held now."""
        return self._hoped > 0

    def tries_larger(self) -> bool:
        """Whether to try more rows than the limit this time; true now and then, since run times change."""
        self._limited = (self._limited + 1) % _TRIED
        return self._limited == 0

    def hold(self, rows: float, until: float) -> float:
        """Holds the group until it has so many rows; returns the latest time, as it was first set."""
        if not self._hoped:
            self._hoped, self.until = rows, until
        return self.until

    def left(self, rows: int) -> None:
        """Records that a batch leaves while so many rows wait."""
        if self._hoped:
            self._failures = 0 if rows >= self._hoped else min(self._failures + 1, _MOST_FAILURES)
            self._skip = (1 << self._failures) - 1
            self._hoped, self.until = 0.0, _NEVER
        elif self._skip:
            self._skip -= 1


class Policy(Protocol):
    """The port to batching policies. `max_rows` is how many rows may leave together."""

    max_rows: int

    def decide(self, waiting: WaitingGroup, times: ServiceTimes, wait_statistics: WaitStatistics) -> Decision: ...


class Static:
    """Lets a batch leave when it is full, or when its oldest call has waited `max_wait_s`. Switched off it is full with
    one row."""

    def __init__(self, max_rows: int, max_wait_s: float) -> None:
        self.max_rows = max_rows
        self._max_wait = max_wait_s

    def decide(self, waiting: WaitingGroup, times: ServiceTimes, wait_statistics: WaitStatistics) -> Decision:
        if waiting.rows >= self.max_rows:
            return Decision(self.max_rows, waiting.now, "full")
        if not self._max_wait:
            return Decision(self.max_rows, waiting.now, "idle")
        timer = waiting.oldest + self._max_wait
        if waiting.now >= min(timer, waiting.patient):
            return Decision(self.max_rows, waiting.now, "timer" if timer <= waiting.patient else "deadline")
        return Decision(0, min(timer, waiting.patient), "idle")


class Adaptive:
    """Keeps the time from arrival to answer within `objective_s`, with as many rows per second as that allows.

    `sizes` are the numbers of rows that may run, ascending; others are padded to the next one. Empty: any number.
    """

    def __init__(self, max_rows: int, objective_s: float, sizes: tuple[int, ...] = ()) -> None:
        self.max_rows = max_rows
        self._objective = _OBJECTIVE_SHARE * objective_s
        self._sizes = sizes

    def decide(self, waiting: WaitingGroup, times: ServiceTimes, wait_statistics: WaitStatistics) -> Decision:
        now, most = waiting.now, min(waiting.rows, self.max_rows)
        reason, until = self._hold(waiting, times, wait_statistics, most)
        if until is not None:
            return Decision(0, until, reason)
        return Decision(self._best(waiting, times, wait_statistics, most), now, reason)

    def _hold(
        self, waiting: WaitingGroup, times: ServiceTimes, wait_statistics: WaitStatistics, most: int
    ) -> tuple[Reason, float | None]:
        """Returns until when to wait for more rows, or why not to."""
        now, objective = waiting.now, self._objective
        if waiting.rows >= self.max_rows:
            return "full", None
        rate = waiting.rate.per_s(now)
        if rate * times.expected(self._padded(most)) < _BUSY * most:
            return "full" if wait_statistics.held else "idle", None
        wanted = self._idle_size(times, rate, most)
        if not wanted or not wait_statistics.worth_holding:
            return "idle", None
        if now >= wait_statistics.until:
            return "timer", None
        likely, coming = times.likely(wanted), (wanted - waiting.rows) / rate
        latest = min(waiting.patient, waiting.oldest + objective - likely)
        if now + coming > latest or wanted / rate + likely > objective:
            return "deadline", None
        return "idle", wait_statistics.hold((most + wanted) / 2, min(latest, now + _PATIENCE * coming))

    def _idle_size(self, times: ServiceTimes, rate: float, rows: int) -> int:
        """Returns the smallest number of rows above `rows` at which the model would be idle now and then; 0: none."""
        while rows < self.max_rows:
            rows = self._larger(rows)
            if rate * times.expected(rows) <= _IDLE_SHARE * rows:
                return rows
        return 0

    def _best(self, waiting: WaitingGroup, times: ServiceTimes, wait_statistics: WaitStatistics, most: int) -> int:
        """Returns the number of rows, at most `most`, to run now."""
        if most == 1 or not times.known:
            return most
        left = waiting.oldest + self._objective - waiting.now
        candidates = [rows for rows in self._sizes or times.sizes(most) if rows < most]
        if not self._sizes and times.likely(most) > left:
            candidates.append(_most_within(times, left, most))
        candidates = sorted({*candidates, most})
        rates = [rows / times.expected(self._padded(rows)) for rows in candidates]
        highest = max(rates)
        in_time = [times.likely(self._padded(rows)) <= left for rows in candidates]
        best = max(at for at, rate in enumerate(rates) if rate >= _ALIKE * highest)
        if not in_time[best]:
            best = max((at for at, rate in enumerate(rates) if in_time[at] and rate >= _NEARLY * highest), default=best)
        if candidates[best] < most and wait_statistics.tries_larger():
            best += 1
        return candidates[best]

    def _padded(self, rows: int) -> int:
        for size in self._sizes:
            if size >= rows:
                return size
        return rows

    def _larger(self, rows: int) -> int:
        for size in self._sizes:
            if size > rows:
                return size
        return min(2 * rows, self.max_rows)


def _most_within(times: ServiceTimes, seconds: float, most: int) -> int:
    """Returns about the most rows, 1 to `most`, whose run ends within `seconds`; 1 where none does."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        if times.likely(middle) <= seconds:
            low = middle
        else:
            high = middle - 1
    return low


def policy_of(options: Batching) -> Policy:
    """Makes the policy that `options` ask for."""
    if options.policy == "adaptive" and options.rows_together > 1:
        return Adaptive(options.rows_together, options.objective_s, options.sizes)
    return Static(options.rows_together, options.max_wait_s if options.rows_together > 1 else 0.0)


def warm_up_sizes(options: Batching) -> tuple[int, ...]:
    """Returns the numbers of rows to run, ascending, before the first request: those to expect, and those to
    measure."""
    if options.sizes:
        return options.sizes
    most = options.rows_together
    if options.policy != "adaptive":
        return (1, most) if most > 1 else (1,)
    return (*(1 << power for power in range((most - 1).bit_length())), most)
