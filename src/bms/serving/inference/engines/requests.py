"""Submits calls to a servable's engine: as many at once as it takes, the others wait in order of priority and arrival.

The service knows no difference between engines: whoever steps a generator (`engines.generators`) and whoever asks a
server elsewhere (`engines.threads`) tell the same events.
"""

import asyncio
from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import count

from bms.core.clock import Clock
from bms.core.errors import BmsError, DeadlineExceeded, Internal
from bms.core.tensors.parameters import read_parameters
from bms.core.tensors.tensor import Array
from bms.protocols.frames import AnswerEnd
from bms.serving.engines.engine import End, Engine, EngineCapacity, EngineFull, EngineRequest, EngineServable
from bms.serving.engines.generators import GeneratorEngine
from bms.serving.inference.batching.batcher import order_of
from bms.serving.inference.batching.execution import CallResult, aligned, check_answers
from bms.serving.inference.batching.inflight_calls import InflightCalls
from bms.serving.inference.batching.micro_batch import MicroBatch
from bms.serving.inference.batching.worker import Worker
from bms.serving.inference.engines.call import EngineCall, answer_end, calls_of
from bms.serving.inference.metrics import EngineCounts
from bms.serving.inference.model_errors import call_foreign
from bms.serving.lifecycle.servable import Servable, StreamingServable

_FEW = 64  # that were given up are left in the heap


class EngineRequests:
    """Queues and submits the calls of one servable with an engine. Runs in the loop's thread; an engine's events are
    brought there.

    Each call of a micro-batch is a request of its own. Who waits is let go by priority and time of arrival, as the
    batcher does; beyond what the engine lets wait, calls are refused. A request that is given up keeps its place until
    the engine says that it has ended. `left` is set when nothing but such requests is in progress.
    """

    def __init__(
        self,
        engine: Engine,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        inflight: InflightCalls,
        left: asyncio.Event,
    ) -> None:
        self.loop = loop
        self.monotonic = clock.monotonic
        self._engine = engine
        self._inflight = inflight
        self._counts = inflight.metrics.engine = EngineCounts()
        self._waiting: list[tuple[float, int, EngineCall]] = []  # a heap, with calls that were given up since
        self._numbers = count()
        self._running: set[EngineCall] = set()
        self._open: dict[MicroBatch, list[EngineCall]] = {}  # those that are not answered yet
        self._left = left
        self._left_at: float | None = None

    @property
    def unattended_s(self) -> float:
        """Seconds for which every place has been held by requests that nobody waits for."""
        return 0.0 if self._left_at is None else self.monotonic() - self._left_at

    def add(self, micro_batch: MicroBatch) -> None:
        calls = self._open[micro_batch] = calls_of(micro_batch, self)
        for call in list(calls):
            capacity = self._engine.capacity()
            if self._counts.waiting >= capacity.waiting and len(self._running) >= capacity.at_once:
                self._refuse(call, capacity)
                continue
            if micro_batch.deadline is not None:
                left = max(0.0, micro_batch.deadline - self.monotonic())
                call.timer = self.loop.call_later(left, self._late, call)
            call.waiting = True
            self._counts.waiting += 1
            heappush(self._waiting, (order_of(micro_batch.arrived, micro_batch.priority), next(self._numbers), call))
            self._next()

    def cancel(self, micro_batch: MicroBatch) -> None:
        """Cancels the calls of a micro-batch: its sender is gone, or got an error."""
        micro_batch.cancelled = True
        for call in list(self._open.get(micro_batch, ())):
            self._forget(call)

    def close(self) -> None:
        for micro_batch in list(self._open):
            self.cancel(micro_batch)
        self._engine.close()

    # --- on the way there ---

    def _next(self) -> None:
        """Submits waiting calls, as far as there are places."""
        while self._counts.waiting and len(self._running) < self._engine.capacity().at_once:
            call = heappop(self._waiting)[2]
            if call.waiting:
                self._start(call)

    def _start(self, call: EngineCall) -> None:
        micro_batch = call.micro_batch
        call.waiting = False
        self._counts.waiting -= 1
        call.start = self.monotonic()
        if micro_batch.deadline is not None and micro_batch.deadline <= call.start:
            self._late(call)
            return
        batch_key = micro_batch.batch_key
        request = EngineRequest(
            batch_key.target,
            aligned(call.inputs),
            batch_key.outputs,
            read_parameters(batch_key.params),
            micro_batch.deadline,
        )
        call.inputs = {}
        self._running.add(call)
        self._counts.in_progress += 1
        try:
            call.handle = call_foreign("handing a request to the engine", self._engine.submit, request, call)
        except BmsError as error:
            self._failed(call, error, call.start)

    def _refuse(self, call: EngineCall, capacity: EngineCapacity) -> None:
        self._counts.refused += 1
        error = EngineFull(
            f"{len(self._running)} requests are in progress and {capacity.waiting} wait, which is all that this "
            "replica takes: come again, or let more replicas run",
            retry_after_s=1.0,
        )
        self._answer(call, CallResult({}, error, 0))

    def _late(self, call: EngineCall) -> None:
        if not call.over:
            doing = "waiting for the model" if call.waiting or call.handle is None else "while the model answered"
            self._answer(call, CallResult({}, DeadlineExceeded(f"the request's time was used up {doing}"), 0))

    # --- on the way back ---

    def began(self, call: EngineCall, at: float) -> None:
        call.start = at

    def part(self, call: EngineCall, at: float, outputs: Mapping[str, Array]) -> None:
        if call.over:
            return
        micro_batch = call.micro_batch
        if micro_batch.batch_key.target in self._engine.streaming:
            self._inflight.part(micro_batch, dict(outputs), call.queue_ns, int((at - call.start) * 1e9))
        elif call.outputs is None:
            call.outputs = dict(outputs)
        else:
            error = Internal(f"the engine gave a second answer of {micro_batch.batch_key.target!r}, which answers once")
            self._answer(call, CallResult({}, error, int((at - call.start) * 1e9)))

    def ended(self, call: EngineCall, at: float, end: End) -> None:
        if call not in self._running:
            return
        compute_ns = int((at - call.start) * 1e9) if end.compute_ns is None else end.compute_ns
        self._ran(call, compute_ns)
        if not call.over:
            try:
                result = CallResult(self._checked(call), None, compute_ns)
            except BmsError as error:
                result = CallResult({}, error, compute_ns)
            self._answer(call, result, answer_end(end))
        self._next()

    def failed(self, call: EngineCall, at: float, error: BmsError) -> None:
        if call in self._running:
            self._failed(call, error, at)
            self._next()

    def _failed(self, call: EngineCall, error: BmsError, at: float) -> None:
        compute_ns = int((at - call.start) * 1e9)
        self._ran(call, compute_ns)
        if not call.over:
            self._answer(call, CallResult({}, error, compute_ns))

    def _ran(self, call: EngineCall, compute_ns: int) -> None:
        self._running.discard(call)
        self._counts.in_progress -= 1
        self._inflight.metrics.ran(call.rows, compute_ns)
        self._note_unattended()

    def _checked(self, call: EngineCall) -> dict[str, Array]:
        batch_key = call.micro_batch.batch_key
        if batch_key.target in self._engine.streaming:
            return {}
        if call.outputs is None:
            raise Internal(f"the engine ended a request of {batch_key.target!r} without an answer")
        if batch_key.route.signature.batched:
            check_answers(batch_key, call.outputs, call.rows)
        return call.outputs

    def _answer(self, call: EngineCall, result: CallResult, end: AnswerEnd | None = None) -> None:
        """Ends a call with its answer or its error."""
        self._forget(call)
        self._inflight.end_call(call.micro_batch, call.number, call.rows, result, call.queue_ns, end)

    def _forget(self, call: EngineCall) -> None:
        call.over = True
        calls = self._open[call.micro_batch]
        calls.remove(call)
        if not calls:
            del self._open[call.micro_batch]
        if call.timer is not None:
            call.timer.cancel()
        if call.waiting:
            call.waiting = False
            self._counts.waiting -= 1
            if len(self._waiting) > 2 * self._counts.waiting + _FEW:
                self._waiting = [entry for entry in self._waiting if entry[2].waiting]
                heapify(self._waiting)
        elif call in self._running and call.handle is not None:
            self._engine.cancel(call.handle)
            self._note_unattended()

    def _note_unattended(self) -> None:
        held = len(self._running)
        if held and held >= self._engine.capacity().at_once and all(call.over for call in self._running):
            if self._left_at is None:
                self._left_at = self.monotonic()
                self._left.set()
        else:
            self._left_at = None


def engine_of(servable: Servable, worker: Worker, clock: Clock) -> tuple[Engine | None, frozenset[str]]:
    """Returns the engine of a servable and the names of the signatures that it runs; None where the servable runs
    batches alone."""
    if isinstance(servable, EngineServable):
        return servable.engine, frozenset(servable.signatures)
    if isinstance(servable, StreamingServable) and servable.streaming:
        return GeneratorEngine(servable, worker, clock.monotonic), servable.streaming
    return None, frozenset()
