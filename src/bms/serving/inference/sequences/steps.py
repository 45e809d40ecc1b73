"""Runs the steps of sequences: each by itself, in the order of arrival, with its sequence's state."""

import asyncio
from collections.abc import Callable
from functools import partial

from bms.core.clock import Clock
from bms.core.errors import BmsError, Cancelled, DeadlineExceeded
from bms.core.tensors.sequences import Sequence, SequenceStep
from bms.core.tensors.tensor import Array
from bms.serving.inference.batching.execution import Executed
from bms.serving.inference.batching.inflight_calls import InflightCalls
from bms.serving.inference.batching.micro_batch import MicroBatch
from bms.serving.inference.batching.worker import Worker
from bms.serving.inference.metrics import SequenceCounts
from bms.serving.inference.sequences.sequences import OpenSequences
from bms.serving.lifecycle.servable import StatefulServable

_LEAST_LOOK_S = 0.05


class Steps:
    """Runs the calls of stateful signatures."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, worker: Worker, inflight: InflightCalls) -> None:
        self._loop = loop
        self._monotonic = clock.monotonic
        self._worker = worker
        self._inflight = inflight
        self._open: dict[str, OpenSequences] = {}  # by signature
        self._expiry_scheduled = False

    def start(self, servable: StatefulServable, micro_batch: MicroBatch, step: SequenceStep | None) -> None:
        sequences = self._sequences(servable, micro_batch.batch_key.target)
        try:
            sequence = sequences.take(step, self._monotonic())
        except BmsError as error:
            self._inflight.fail(micro_batch, error)
            return
        self._schedule_expiry()
        run = _Run(servable, micro_batch, sequence, self._monotonic)
        self._worker.submit("running the model", run.step, partial(self._step_done, sequences, run))

    def _sequences(self, servable: StatefulServable, target: str) -> OpenSequences:
        found = self._open.get(target)
        if found is None:
            limits, metrics = servable.stateful[target], self._inflight.metrics
            counts = metrics.sequences = metrics.sequences or SequenceCounts()
            found = self._open[target] = OpenSequences(servable.model, limits, counts)
        return found

    def _step_done(
        self, sequences: OpenSequences, run: "_Run", outputs: dict[str, Array] | None, error: BmsError | None
    ) -> None:
        sequences.ended(run.sequence, self._monotonic())
        micro_batch = run.micro_batch
        if error is not None or outputs is None:
            self._inflight.fail(micro_batch, error or Cancelled("nobody waited for this step any more"))
            return
        self._inflight.metrics.ran(micro_batch.rows, run.compute_ns)
        self._inflight.answer([micro_batch], Executed(outputs, run.began, micro_batch.rows, run.compute_ns, ()))

    def _schedule_expiry(self) -> None:
        """Gives up idle sequences, periodically while any is open: their state may be large."""
        if not self._expiry_scheduled:
            self._expiry_scheduled = True
            least = min(sequences.limits.idle_s for sequences in self._open.values())
            self._loop.call_later(max(least / 2, _LEAST_LOOK_S), self._expire)

    def _expire(self) -> None:
        self._expiry_scheduled = False
        for sequences in self._open.values():
            sequences.expire(self._monotonic())
        if any(self._open.values()):
            self._schedule_expiry()


class _Run:
    """One step on its way through the worker."""

    def __init__(
        self, servable: StatefulServable, micro_batch: MicroBatch, sequence: Sequence, monotonic: Callable[[], float]
    ) -> None:
        self.micro_batch = micro_batch
        self.sequence = sequence
        self.began = 0.0
        self.compute_ns = 0
        self._servable = servable
        self._monotonic = monotonic

    def step(self) -> dict[str, Array] | None:
        """Runs the step in the worker; None where nobody waits for it: then it did not run."""
        micro_batch = self.micro_batch
        self.began = self._monotonic()
        if micro_batch.cancelled:
            return None
        if micro_batch.deadline is not None and micro_batch.deadline <= self.began:
            raise DeadlineExceeded("the request's time was used up before this step of its sequence ran")
        batch_key = micro_batch.batch_key
        outputs = self._servable.step(batch_key.target, micro_batch.inputs, self.sequence, batch_key.outputs)
        self.compute_ns = int((self._monotonic() - self.began) * 1e9)
        return outputs
