"""The inference service of a model server: checks calls, queues them, runs them in batches or hands them to an engine,
and answers them."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from bms.core.clock import Clock
from bms.core.errors import BmsError, Unavailable
from bms.core.tensors.tensor import Tensor
from bms.core.workloads.programs import Batching
from bms.protocols.frames import InferMeta
from bms.serving.inference.batching.batch_keys import BatchKeys, check_together
from bms.serving.inference.batching.dispatch import Dispatch
from bms.serving.inference.batching.inflight_calls import InflightCalls, error_frame
from bms.serving.inference.batching.micro_batch import Caller, MicroBatch
from bms.serving.inference.batching.worker import Worker
from bms.serving.inference.engines.requests import EngineRequests, engine_of
from bms.serving.inference.metrics import ModelServerMetrics
from bms.serving.inference.plan import Plan
from bms.serving.inference.preparation.servable import Preparation
from bms.serving.inference.sequences.steps import Steps
from bms.serving.lifecycle.loader import WarmRun
from bms.serving.lifecycle.servable import Servable
from bms.serving.lifecycle.states import Lifecycle

MAX_ROWS_WAITING = 1 << 16  # one micro-batch alone may have more
MAX_IN_FLIGHT = 8192  # a gateway admits far fewer, so whoever goes beyond has lost count


class InferenceService:
    """Answers calls of any number of connections with one servable. Everything runs in the loop's thread but what is
    given to the worker, and preparation, which runs in `preparing`."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        worker: Worker,
        preparing: Executor,
        lifecycle: Lifecycle,
        batching: Batching,
    ) -> None:
        self.metrics = ModelServerMetrics()
        self.inflight = InflightCalls(self.metrics)
        self._loop = loop
        self._clock = clock
        self._worker = worker
        self._monotonic = clock.monotonic
        self._lifecycle = lifecycle
        self.batch_keys = BatchKeys()
        self._dispatch = Dispatch(loop, clock, worker, self.inflight, batching)
        self._engine: EngineRequests | None = None
        self._steps = Steps(loop, clock, worker, self.inflight)
        self._preparation = Preparation(loop, preparing, self.inflight, self.batch_keys, self._dispatch.add)

    def serve(self, servable: Servable, plan: Plan | None = None, runs: Sequence[WarmRun] = ()) -> None:
        """Answers calls by this servable from now on; `runs` is how long each warm-up run took."""
        engine, names = engine_of(servable, self._worker, self._clock)
        if engine is not None:
            self._engine = EngineRequests(engine, self._loop, self._clock, self.inflight, self.left)
            if plan is not None and plan.target in names:
                self._preparation.ready = self._engine.add
        self.batch_keys.serve(servable, plan, names)
        for run in runs:
            self.batch_keys.warmed(run.signature, run.rows, run.seconds, run.elements)
        self._dispatch.serve(servable)

    def infer(self, caller: Caller, id: int, meta: InferMeta, tensors: list[Tensor]) -> None:
        """Accepts one micro-batch, whose `meta.rows` fit its tensors; it is answered on `caller`, perhaps at once, with
        an error."""
        inflight, dispatch, parts = self.inflight, self._dispatch, meta.rows
        calls = len(parts) or 1
        try:
            if not self._lifecycle.ready or inflight.in_flight + calls > MAX_IN_FLIGHT:
                raise self._unavailable()
            batch_key, rows = self.batch_keys.find(meta, tensors)
            if calls > 1:
                check_together(batch_key, calls)
            if rows + dispatch.rows > MAX_ROWS_WAITING and dispatch.rows:
                raise Unavailable(f"{dispatch.rows} rows wait already: ask another replica")
        except BmsError as error:
            self.metrics.failed(error.code, calls)
            caller.send(error_frame(id, error))
            return
        now = self._monotonic()
        deadline = now + meta.timeout_us / 1e6 if meta.timeout_us else None
        micro_batch = MicroBatch(
            caller, id, batch_key, dict(tensors), rows, now, deadline, parts or (rows,), meta.priority
        )
        inflight.open(micro_batch)
        route = batch_key.route
        if route.prepare is not None:
            self._preparation.start(micro_batch, route.prepare)
        elif route.engine and self._engine is not None:
            self._engine.add(micro_batch)
        elif route.steps is not None:
            self._steps.start(route.steps, micro_batch, meta.sequence)
        else:
            dispatch.add(micro_batch)

    def cancel(self, micro_batch: MicroBatch) -> None:
        """Cancels a micro-batch. A run for which nobody waits any more is stopped where that is possible."""
        self.inflight.cancel(micro_batch)
        self._let_go(micro_batch)

    @property
    def unattended_s(self) -> float:
        """Seconds for which the model has been running for nobody."""
        engine = self._engine
        return max(self._dispatch.unattended_s, 0.0 if engine is None else engine.unattended_s)

    @property
    def left(self) -> asyncio.Event:
        """Set when the model begins to run for nobody; cleared by whoever waits for it."""
        return self._dispatch.left

    async def drained(self) -> None:
        """Returns when every accepted call is answered; batches are not held back any more."""
        self._dispatch.hurry()
        await self.inflight.idle()

    def refuse(self, micro_batch: MicroBatch, error: BmsError) -> None:
        """Ends a micro-batch that can't wait any longer."""
        self.inflight.fail(micro_batch, error)
        self._let_go(micro_batch)

    def close(self) -> None:
        self._dispatch.close()
        if self._engine is not None:
            self._engine.close()

    def _let_go(self, micro_batch: MicroBatch) -> None:
        self._dispatch.cancel(micro_batch)
        if self._engine is not None:
            self._engine.cancel(micro_batch)

    def _unavailable(self) -> Unavailable:
        if not self._lifecycle.ready:
            return Unavailable(f"this model server is {self._lifecycle.state}, not AVAILABLE: ask another replica")
        return Unavailable(f"{self.inflight.in_flight} requests are in flight already: ask another replica")
