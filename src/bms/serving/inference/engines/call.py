"""One call that an engine runs: its request, its state, and the engine's events brought to the event loop."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from bms.core.errors import BmsError
from bms.core.tensors.tensor import Array
from bms.protocols.frames import MOST_TOKENS, AnswerEnd
from bms.serving.engines.engine import End
from bms.serving.inference.batching.micro_batch import MicroBatch

MOST_FINISH = 40  # characters of an engine's own word for why it ended


class Requests(Protocol):
    """Receives the events of engine calls, in the loop's thread, each with the time at which the engine reported it."""

    loop: asyncio.AbstractEventLoop
    monotonic: Callable[[], float]

    def began(self, call: "EngineCall", at: float) -> None: ...

    def part(self, call: "EngineCall", at: float, outputs: Mapping[str, Array]) -> None: ...

    def ended(self, call: "EngineCall", at: float, end: End) -> None: ...

    def failed(self, call: "EngineCall", at: float, error: BmsError) -> None: ...


class EngineCall:
    """Receives the `Events` of one call. `number` is its place among the calls of its frame, None: it is the only
    one."""

    __slots__ = (
        "handle",
        "inputs",
        "micro_batch",
        "number",
        "outputs",
        "over",
        "requests",
        "rows",
        "start",
        "timer",
        "waiting",
    )

    def __init__(
        self, requests: Requests, micro_batch: MicroBatch, number: int | None, rows: int, inputs: dict[str, Array]
    ) -> None:
        self.requests = requests
        self.micro_batch = micro_batch
        self.number = number
        self.rows = rows
        self.inputs = inputs
        self.outputs: dict[str, Array] | None = None
        self.handle: object = None
        self.start = micro_batch.arrived  # of its run
        self.timer: asyncio.TimerHandle | None = None
        self.waiting = False
        self.over = False  # answered, or given up

    @property
    def queue_ns(self) -> int:
        return max(0, int((self.start - self.micro_batch.arrived) * 1e9))

    def began(self) -> None:
        self._bring(self.requests.began)

    def part(self, outputs: Mapping[str, Array]) -> None:
        self._bring(self.requests.part, outputs)

    def end(self, end: End) -> None:
        self._bring(self.requests.ended, end)

    def failed(self, error: BmsError) -> None:
        self._bring(self.requests.failed, error)

    def _bring(self, told: Callable[..., None], *what: object) -> None:
        """Passes an event to the loop, with the time at which the engine reported it."""
        loop = self.requests.loop
        if not loop.is_closed():
            loop.call_soon_threadsafe(told, self, self.requests.monotonic(), *what)


def calls_of(micro_batch: MicroBatch, requests: Requests) -> list[EngineCall]:
    """Returns each call of a micro-batch by itself."""
    parts, numbers = micro_batch.parts, micro_batch.numbers
    if len(parts) == 1:
        return [
            EngineCall(requests, micro_batch, numbers[0] if numbers else None, micro_batch.rows, micro_batch.inputs)
        ]
    calls: list[EngineCall] = []
    at = 0
    for number, rows in zip(numbers or range(len(parts)), parts, strict=True):
        inputs = {name: array[at : at + rows] for name, array in micro_batch.inputs.items()}
        calls.append(EngineCall(requests, micro_batch, number, rows, inputs))
        at += rows
    return calls


def answer_end(end: End) -> AnswerEnd | None:
    """Returns the end of an answer as the gateway gets it; counts that can't be true are left out."""
    given, made = (
        tokens if tokens is not None and 0 <= tokens <= MOST_TOKENS else None
        for tokens in (end.input_tokens, end.output_tokens)
    )
    if not end.finish and given is None and made is None:
        return None
    return AnswerEnd(end.finish[:MOST_FINISH], given, made)
