"""Streaming answers: a generator is stepped in the worker, between other work, and each step is sent as it comes."""

from collections.abc import Iterator

from bms.core.clock import Clock
from bms.core.errors import BmsError, DeadlineExceeded
from bms.core.tensor import Array
from bms.serving.inference.execution import Executed
from bms.serving.inference.ledger import Ledger
from bms.serving.inference.parcel import Parcel
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

    def start(self, servable: StreamingServable, parcel: Parcel) -> None:
        self._ask(_Stream(servable, parcel, self._clock))

    def _ask(self, stream: "_Stream") -> None:
        self._worker.submit("running the model", stream.step, lambda outputs, error: self._told(stream, outputs, error))

    def _told(self, stream: "_Stream", outputs: dict[str, Array] | None, error: BmsError | None) -> None:
        parcel = stream.parcel
        if error is not None:
            self._ledger.fail(parcel, error)
        elif outputs is None:
            self._ledger.metrics.ran(parcel.rows, stream.compute_ns)
            self._ledger.answer([parcel], Executed({}, stream.began, parcel.rows, stream.compute_ns, ()))
        elif parcel.cancelled:
            self._end(stream)
        elif parcel.deadline is not None and parcel.deadline <= self._clock.monotonic():
            self._ledger.fail(parcel, DeadlineExceeded("the request's time was used up while its answer was streamed"))
            self._end(stream)
        else:
            self._ledger.part(parcel, outputs, stream.queue_ns, stream.compute_ns)
            self._ask(stream)

    def _end(self, stream: "_Stream") -> None:
        self._worker.submit("ending a stream", stream.close, lambda _, __: None)


class _Stream:
    """One stream under way. Touched by the worker while a step runs, by the loop otherwise."""

    def __init__(self, servable: StreamingServable, parcel: Parcel, clock: Clock) -> None:
        self.parcel = parcel
        self.began = 0.0
        self.queue_ns = 0
        self.compute_ns = 0  # so far
        self._servable = servable
        self._clock = clock
        self._steps: Iterator[dict[str, Array]] | None = None

    def step(self) -> dict[str, Array] | None:
        """The next outputs; None when there are no more."""
        began = self._clock.monotonic()
        if self._steps is None:
            self.queue_ns = int((began - self.parcel.arrived) * 1e9)
            self.began = began
            kind = self.parcel.kind
            self._steps = iter(self._servable.stream(kind.target, self.parcel.inputs, kind.outputs))
        outputs = next(self._steps, None)
        self.compute_ns += int((self._clock.monotonic() - began) * 1e9)
        return outputs

    def close(self) -> None:
        close = getattr(self._steps, "close", None)  # generators have one, plain iterators don't
        if close is not None:
            close()
