"""The engine of servables that answer with Python generators: it advances one stream at a time, by one step, round
robin."""

from collections.abc import Callable, Iterator
from typing import Protocol

from bms.core.errors import BmsError, Cancelled, FailedPrecondition
from bms.core.tensors.tensor import Array
from bms.serving.engines.engine import End, EngineCapacity, EngineRequest, Events
from bms.serving.lifecycle.servable import StreamingServable

AT_ONCE = 256  # generators under way, each of which may hold much
WAITING = 1024
Step = dict[str, Array] | None


class GeneratorScheduler(Protocol):
    """Runs functions one after another in the model's one thread, which batches use, too."""

    def submit(
        self, doing: str, function: Callable[[], Step], done: Callable[[Step, BmsError | None], None], /
    ) -> None:
        """Runs `function` after all that was submitted before; then calls `done`, in the loop, with what it returned or
        raised."""
        ...


class GeneratorEngine:
    """Runs streams as Python generators; every step is queued by itself, so that streams share the thread with one
    another and with batches.

    What a stream computes is the time of its own steps.
    """

    def __init__(
        self, servable: StreamingServable, scheduler: GeneratorScheduler, monotonic: Callable[[], float]
    ) -> None:
        self.streaming = servable.streaming
        self._servable = servable
        self._scheduler = scheduler
        self._monotonic = monotonic
        self._closed = False

    def capacity(self) -> EngineCapacity:
        return EngineCapacity(AT_ONCE, WAITING)

    def submit(self, request: EngineRequest, events: Events) -> "_Stream":
        stream = _Stream(self._servable, request, events, self._monotonic)
        if self._closed:
            events.failed(FailedPrecondition("this engine is closed"))
        else:
            self._queue_step(stream)
        return stream

    def cancel(self, handle: object) -> None:
        assert isinstance(handle, _Stream)
        handle.given_up = True

    def close(self) -> None:
        self._closed = True

    def _queue_step(self, stream: "_Stream") -> None:
        self._scheduler.submit(
            "running the model", stream.step, lambda outputs, error: self._step_done(stream, outputs, error)
        )

    def _step_done(self, stream: "_Stream", outputs: Step, error: BmsError | None) -> None:
        events = stream.events
        if error is not None:
            events.failed(error)
        elif outputs is None:
            events.end(End(compute_ns=stream.compute_ns))
        elif stream.given_up or self._closed:
            gone = Cancelled("nobody waits for this stream any more")
            self._scheduler.submit("ending a stream", stream.close, lambda _, error: events.failed(error or gone))
        else:
            events.part(outputs)
            self._queue_step(stream)


class _Stream:
    """One running stream. Used by the model's thread while a step runs, by the loop otherwise."""

    def __init__(
        self, servable: StreamingServable, request: EngineRequest, events: Events, monotonic: Callable[[], float]
    ) -> None:
        self.events = events
        self.compute_ns = 0  # so far
        self.given_up = False
        self._servable = servable
        self._request = request
        self._monotonic = monotonic
        self._steps: Iterator[dict[str, Array]] | None = None

    def step(self) -> Step:
        """Returns the next outputs; None when there are no more."""
        began = self._monotonic()
        if self._steps is None:
            if self.given_up:
                raise Cancelled("nobody waits for this stream any more")
            self.events.began()
            name, inputs, outputs, _, _ = self._request
            self._steps = iter(self._servable.stream(name, inputs, outputs))
        step = next(self._steps, None)
        self.compute_ns += int((self._monotonic() - began) * 1e9)
        return step

    def close(self) -> None:
        close = getattr(self._steps, "close", None)  # generators have one, plain iterators don't
        if close is not None:
            close()
