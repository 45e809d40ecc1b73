"""Hands batches from the queue to the model: one batch runs while the next one gathers."""

import asyncio
from collections.abc import Callable
from functools import partial

from bms.core.clock import Clock
from bms.core.errors import BmsError, DeadlineExceeded
from bms.core.workloads.programs import Batching
from bms.serving.inference.batching.batcher import Batcher
from bms.serving.inference.batching.execution import Executed, execute
from bms.serving.inference.batching.inflight_calls import InflightCalls
from bms.serving.inference.batching.micro_batch import Batch, MicroBatch
from bms.serving.inference.batching.policy import policy_of
from bms.serving.inference.batching.worker import Worker
from bms.serving.inference.model_errors import call_foreign
from bms.serving.lifecycle.servable import InterruptibleServable, Servable, WaitingServable

TURN_S = 500e-6  # for so long one turn goes on with short runs before the loop reads and writes
STOP_AGAIN_S = 0.05  # between two attempts to stop a run
_NEVER = float("inf")


class Dispatch:
    """Runs the next batch whenever the model is free, and ends micro-batches whose deadline can't be met.

    What arrives within one turn of the loop is dispatched together, in the next one. A batch runs in the worker, or,
    where such runs are known to be short (`InlineRunPolicy`) and the worker has nothing to do, in the loop's thread:
    handing it over and back would cost more.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, worker: Worker, inflight: InflightCalls, options: Batching
    ) -> None:
        self._loop = loop
        self._monotonic = clock.monotonic
        self._worker = worker
        self._inflight = inflight
        self._sizes = options.sizes
        self._batcher = Batcher(policy_of(options))
        self._servable: Servable | None = None
        self._only_worker = False  # whether every run is the worker's
        self._interrupt: Callable[[], None] | None = None
        self._running: list[MicroBatch] | None = None  # in the worker
        self._left_at: float | None = None  # when the last of their callers had gone
        self.left = asyncio.Event()  # set when there begins to be such a time
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER

    @property
    def rows(self) -> int:
        """Rows that wait in the queue."""
        return self._batcher.rows

    def serve(self, servable: Servable) -> None:
        self._servable = servable
        self._only_worker = isinstance(servable, WaitingServable) and servable.waits
        if isinstance(servable, InterruptibleServable):
            self._interrupt = servable.interrupt

    def add(self, micro_batch: MicroBatch) -> None:
        self._batcher.add(micro_batch)
        if self._running is None:
            if not self._scheduled:
                self._schedule()
        elif micro_batch.latest is not None and micro_batch.latest < self._timer_at:
            self._arm(micro_batch.latest)

    @property
    def unattended_s(self) -> float:
        """Seconds for which a run has gone on after all its callers had gone; 0 where there is no such run."""
        return 0.0 if self._left_at is None else self._monotonic() - self._left_at

    def cancel(self, micro_batch: MicroBatch) -> None:
        """Removes a waiting micro-batch. A run for which nobody waits any more is stopped where the servable can."""
        self._batcher.cancel(micro_batch)
        if not self._running or not all(each.cancelled for each in self._running):
            return
        self._left_at = self._left_at or self._monotonic()
        self.left.set()
        if self._interrupt is not None:
            self._stop(self._running, self._interrupt)

    def hurry(self) -> None:
        """Runs what waits as soon as the model is free."""
        self._batcher.hurry()
        self._schedule()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._dispatch_due)

    def _dispatch_due(self) -> None:
        self._scheduled = False
        now = self._monotonic()
        for micro_batch in self._batcher.expire(now):
            self._refuse(micro_batch, now)
        servable = self._servable
        if servable is not None and self._running is None:
            self._start(servable, now)
        if len(self._batcher):
            wake = self._batcher.expires_at() if self._running else self._batcher.wakes_at()
            if wake is not None and wake < self._timer_at:
                self._arm(wake)

    def _start(self, servable: Servable, now: float) -> None:
        """Starts the next batch in the worker, or runs short batches in the loop for a while; the rest waits for the
        next turn."""
        metrics, until = self._inflight.metrics, now + TURN_S
        while (batch := self._batcher.take(now)) is not None:
            metrics.left[batch.reason] += 1
            if (
                self._only_worker
                or self._worker.busy
                or not batch.micro_batches[0].batch_key.profile.inline.short(batch.rows)
            ):
                self._running = batch.micro_batches
                self._worker.submit(
                    "running the model",
                    partial(execute, servable, batch.micro_batches, self._monotonic, self._sizes),
                    partial(self._ran, batch),
                )
                return
            metrics.in_loop += 1
            self._run_inline(servable, batch)
            now = self._monotonic()
            if now > until:
                if len(self._batcher):
                    self._schedule()
                return

    def _run_inline(self, servable: Servable, batch: Batch) -> None:
        try:
            done = call_foreign(
                "running the model", execute, servable, batch.micro_batches, self._monotonic, self._sizes
            )
        except BmsError as error:
            self._ended(batch, None, error)
        else:
            self._ended(batch, done, None)

    def _stop(self, micro_batches: list[MicroBatch], interrupt: Callable[[], None]) -> None:
        """Interrupts this run until it is over; repeatedly, since it may not have begun at the first attempt."""
        if self._running is micro_batches:
            interrupt()
            self._loop.call_later(STOP_AGAIN_S, self._stop, micro_batches, interrupt)

    def _refuse(self, micro_batch: MicroBatch, now: float) -> None:
        if micro_batch.deadline is not None and micro_batch.deadline > now:
            micro_batch.batch_key.profile.times.lower_least(micro_batch.rows)
            left = (micro_batch.deadline - now) * 1e3
            error = DeadlineExceeded(f"the request's time is too short: {left:.3g} ms are left, the model takes longer")
        else:
            error = DeadlineExceeded("the request's time was used up waiting for the model")
        self._inflight.fail(micro_batch, error)

    def _ran(self, batch: Batch, done: Executed | None, error: BmsError | None) -> None:
        self._running = None
        self._left_at = None
        if len(self._batcher):
            self._schedule()
        self._ended(batch, done, error)

    def _ended(self, batch: Batch, done: Executed | None, error: BmsError | None) -> None:
        if done is None:
            if error is not None:
                for micro_batch in batch.micro_batches:
                    self._inflight.fail(micro_batch, error)
            return
        profile = batch.micro_batches[0].batch_key.profile
        for rows, padded, compute_ns, well in done.runs:
            seconds = compute_ns / 1e9
            profile.inline.note(rows + padded, seconds)
            if well:
                profile.times.note(rows + padded, seconds)
            self._inflight.metrics.ran(rows, compute_ns, padded)
        self._inflight.answer(batch.micro_batches, done)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._monotonic()), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer, self._timer_at = None, _NEVER
        self._schedule()
