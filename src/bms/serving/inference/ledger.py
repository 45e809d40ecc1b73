"""The calls in flight: every accepted call ends here, exactly once, by an answer, an error or a cancellation."""

import asyncio
from collections.abc import Sequence

from bms.core.errors import BmsError, Unavailable
from bms.core.tensor import Array, Tensor
from bms.protocols.frames import encode_answer, encode_error
from bms.serving.inference.call import Asker, Call
from bms.serving.inference.execution import Outcome
from bms.serving.inference.metrics import Metrics


class Ledger:
    """Opens and ends calls, writes what their askers are told, and counts."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.in_flight = 0
        self._idle: list[asyncio.Future[None]] = []

    def open(self, call: Call) -> None:
        call.asker.open[call.id] = call
        self.in_flight += 1

    def answer(self, calls: Sequence[Call], outcomes: Sequence[Outcome]) -> None:
        """Ends the calls of a batch; what one asker is told goes out in one write."""
        writes: dict[Asker, list[bytes | memoryview]] = {}
        for call, outcome in zip(calls, outcomes, strict=True):
            if call.cancelled:
                continue
            parts = writes.setdefault(call.asker, [])
            if outcome.error is not None:
                parts.append(error_frame(call.id, outcome.error))
                self.metrics.failed(outcome.error.code)
            else:
                parts += encode_answer(
                    call.id, _tensors(outcome.outputs), queue_ns=outcome.queue_ns, compute_ns=outcome.compute_ns
                )
                self.metrics.answered(call.rows, outcome.queue_ns)
            self._end(call)
        for asker, parts in writes.items():
            asker.send(b"".join(parts))

    def part(self, call: Call, outputs: dict[str, Array], queue_ns: int, compute_ns: int) -> None:
        """One answer of a stream; the call goes on."""
        frame = encode_answer(call.id, _tensors(outputs), queue_ns=queue_ns, compute_ns=compute_ns, final=False)
        call.asker.send(b"".join(frame))

    def fail(self, call: Call, error: BmsError) -> None:
        if not call.cancelled:
            self.metrics.failed(error.code)
            self._end(call)
            call.asker.send(error_frame(call.id, error))

    def cancel(self, call: Call) -> None:
        """Ends a call whose asker does not wait any more; `call.cancelled` is set by now or right after."""
        self.metrics.failed("CANCELLED")
        self._end(call)

    async def idle(self) -> None:
        """Returns when no call is in flight."""
        if self.in_flight:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter

    def _end(self, call: Call) -> None:
        del call.asker.open[call.id]
        self.in_flight -= 1
        if not self.in_flight:
            for waiter in self._idle:
                if not waiter.done():
                    waiter.set_result(None)
            self._idle.clear()


def error_frame(id: int, error: BmsError) -> bytes:
    """An ERROR frame; `retry` where it is this replica, not the request, that can't."""
    return encode_error(id, error.code, error.message, retry=isinstance(error, Unavailable))


def _tensors(outputs: dict[str, Array]) -> list[Tensor]:
    return [Tensor(name, array) for name, array in outputs.items()]
