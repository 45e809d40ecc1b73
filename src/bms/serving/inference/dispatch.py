"""Between the waiting room and the worker: one batch runs while the next one gathers."""

import asyncio
from collections.abc import Sequence

from bms.core.clock import Clock
from bms.core.errors import BmsError, DeadlineExceeded
from bms.core.programs import Batching
from bms.serving.inference.batcher import Batcher
from bms.serving.inference.call import Call
from bms.serving.inference.execution import Outcome, Run, execute
from bms.serving.inference.ledger import Ledger
from bms.serving.inference.worker import Worker
from bms.serving.lifecycle.servable import Servable

_NEVER = float("inf")


class Dispatch:
    """Takes batches out of the batcher whenever the worker is free, and ends the calls that waited too long.

    What arrives within one turn of the loop is dispatched together, in the next one.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, worker: Worker, ledger: Ledger, options: Batching
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._worker = worker
        self._ledger = ledger
        self._batcher = Batcher(options)
        self._servable: Servable | None = None
        self._busy = False
        self._turn_asked = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER

    def serve(self, servable: Servable) -> None:
        self._servable = servable

    def add(self, call: Call) -> None:
        self._batcher.add(call)
        if not self._busy:
            self._ask_turn()
        elif call.deadline is not None and call.deadline < self._timer_at:
            self._arm(call.deadline)

    def cancel(self, call: Call) -> None:
        self._batcher.cancel(call)

    def hurry(self) -> None:
        """Runs what waits as soon as the worker is free."""
        self._batcher.hurry()
        self._ask_turn()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _ask_turn(self) -> None:
        if not self._turn_asked:
            self._turn_asked = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_asked = False
        now = self._clock.monotonic()
        for call in self._batcher.expire(now):
            self._ledger.fail(call, DeadlineExceeded("the request's time was used up waiting for the model"))
        servable = self._servable
        if servable is not None and not self._busy and (batch := self._batcher.take(now)):
            self._busy = True
            self._worker.submit(
                "running the model",
                lambda: execute(servable, batch, self._clock.monotonic),
                lambda result, error: self._ran(batch, result, error),
            )
        wake = self._batcher.expires_at() if self._busy else self._batcher.wakes_at()
        if wake is not None and wake < self._timer_at:
            self._arm(wake)

    def _ran(
        self, batch: Sequence[Call], result: tuple[list[Outcome], list[Run]] | None, error: BmsError | None
    ) -> None:
        self._busy = False
        if len(self._batcher):
            self._ask_turn()
        if error is not None:
            for call in batch:
                self._ledger.fail(call, error)
        elif result is not None:
            outcomes, runs = result
            for run in runs:
                self._ledger.metrics.ran(run.rows, run.compute_ns)
            self._ledger.answer(batch, outcomes)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._clock.monotonic()), self._rang)

    def _rang(self) -> None:
        self._timer, self._timer_at = None, _NEVER
        self._ask_turn()
