"""Streaming answers: a generator is stepped in the worker, between other work, and each step is sent as it comes."""

from collections.abc import Iterator

from bms.core.clock import Clock
from bms.core.errors import BmsError, DeadlineExceeded
from bms.core.tensor import Array
from bms.serving.inference.call import Call
from bms.serving.inference.execution import Outcome
from bms.serving.inference.ledger import Ledger
from bms.serving.inference.worker import Worker
from bms.serving.lifecycle.servable import StreamingServable


class Streams:
    """Runs the calls of streaming signatures. The last answer of a stream is final and empty.

    One step per turn of the worker, so that streams share it with one another and with batches.
    """

    def __init__(self, clock: Clock, worker: Worker, ledger: Ledger) -> None:
        self._clock = clock
        self._worker = worker
        self._ledger = ledger

    def start(self, servable: StreamingServable, call: Call) -> None:
        self._ask(_Stream(servable, call, self._clock))

    def _ask(self, stream: "_Stream") -> None:
        self._worker.submit("running the model", stream.step, lambda outputs, error: self._told(stream, outputs, error))

    def _told(self, stream: "_Stream", outputs: dict[str, Array] | None, error: BmsError | None) -> None:
        call = stream.call
        if error is not None:
            self._ledger.fail(call, error)
        elif outputs is None:
            self._ledger.metrics.ran(call.rows, stream.compute_ns)
            self._ledger.answer([call], [Outcome({}, None, stream.queue_ns, stream.compute_ns)])
        elif call.cancelled:
            self._end(stream)
        elif call.deadline is not None and call.deadline <= self._clock.monotonic():
            self._ledger.fail(call, DeadlineExceeded("the request's time was used up while its answer was streamed"))
            self._end(stream)
        else:
            self._ledger.part(call, outputs, stream.queue_ns, stream.compute_ns)
            self._ask(stream)

    def _end(self, stream: "_Stream") -> None:
        self._worker.submit("ending a stream", stream.close, lambda _, __: None)


class _Stream:
    """One stream under way. Touched by the worker while a step runs, by the loop otherwise."""

    def __init__(self, servable: StreamingServable, call: Call, clock: Clock) -> None:
        self.call = call
        self.queue_ns = 0
        self.compute_ns = 0  # so far
        self._servable = servable
        self._clock = clock
        self._steps: Iterator[dict[str, Array]] | None = None

    def step(self) -> dict[str, Array] | None:
        """The next outputs; None when there are no more."""
        began = self._clock.monotonic()
        if self._steps is None:
            self.queue_ns = int((began - self.call.arrived) * 1e9)
            self._steps = iter(self._servable.stream(self.call.signature, self.call.inputs, self.call.outputs))
        outputs = next(self._steps, None)
        self.compute_ns += int((self._clock.monotonic() - began) * 1e9)
        return outputs

    def close(self) -> None:
        close = getattr(self._steps, "close", None)  # generators have one, plain iterators don't
        if close is not None:
            close()
