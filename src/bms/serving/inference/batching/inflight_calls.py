"""The calls in flight in a model server: every accepted call ends here, exactly once, by an answer, an error or a
cancellation."""

import asyncio
from collections.abc import Sequence
from math import ceil

from bms.core.errors import BmsError, Unavailable
from bms.core.retry_after import bounded_retry_after
from bms.core.tensors.columns import without_masks_of_nothing
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.frames import AnswerEnd, encode_answer, encode_error
from bms.serving.engines.engine import EngineFull
from bms.serving.inference.batching.execution import CallResult, Executed
from bms.serving.inference.batching.micro_batch import Caller, MicroBatch
from bms.serving.inference.metrics import ModelServerMetrics


class InflightCalls:
    """Registers and ends micro-batches, writes their answers and errors, and counts their calls."""

    def __init__(self, metrics: ModelServerMetrics) -> None:
        self.metrics = metrics
        self.in_flight = 0  # calls
        self._idle: list[asyncio.Future[None]] = []

    def open(self, micro_batch: MicroBatch) -> None:
        micro_batch.caller.open[micro_batch.id] = micro_batch
        self.in_flight += len(micro_batch.parts)

    def answer(self, micro_batches: Sequence[MicroBatch], done: Executed) -> None:
        """Ends the micro-batches of a batch; all answers to one connection go out in one write."""
        writes: dict[Caller, list[bytes | memoryview]] = {}
        if done.alone is None:
            self._answer_rows(micro_batches, done, writes)
        else:
            for micro_batch, became in zip(micro_batches, done.alone, strict=True):
                if isinstance(became, Executed):
                    self._answer_alone(micro_batch, became, writes)
                elif not micro_batch.cancelled:
                    self._answer_calls(micro_batch, became, done.began, writes.setdefault(micro_batch.caller, []))
        for caller, parts in writes.items():
            caller.send(b"".join(parts))

    def part(self, micro_batch: MicroBatch, outputs: dict[str, Array], queue_ns: int, compute_ns: int) -> None:
        """Sends one part of a stream; the call goes on."""
        tensors = [Tensor(name, array) for name, array in outputs.items()]
        frame = encode_answer(micro_batch.id, tensors, queue_ns=queue_ns, compute_ns=compute_ns, final=False)
        micro_batch.caller.send(b"".join(frame))

    def end_call(
        self,
        micro_batch: MicroBatch,
        number: int | None,
        rows: int,
        result: CallResult,
        queue_ns: int,
        end: AnswerEnd | None = None,
    ) -> None:
        """Ends one call by itself, and its micro-batch with the last one; `number` None: the only call of its frame."""
        micro_batch.caller.send(b"".join(self._of_one(micro_batch, number, rows, result, queue_ns, end)))
        if len(micro_batch.parts) == 1:
            self._end(micro_batch)
        else:
            numbers = micro_batch.numbers or tuple(range(len(micro_batch.parts)))
            kept = [(each, rows) for each, rows in zip(numbers, micro_batch.parts, strict=True) if each != number]
            micro_batch.numbers, micro_batch.parts = tuple(each for each, _ in kept), tuple(rows for _, rows in kept)
            self.in_flight -= 1

    def fail(self, micro_batch: MicroBatch, error: BmsError) -> None:
        """Ends all calls of a micro-batch with one error."""
        if micro_batch.cancelled:
            return
        self.metrics.failed(error.code, len(micro_batch.parts))
        if micro_batch.numbers is None:
            micro_batch.caller.send(error_frame(micro_batch.id, error))
        else:
            micro_batch.caller.send(
                b"".join(error_frame(micro_batch.id, error, number, 1) for number in micro_batch.numbers)
            )
        self._end(micro_batch)

    def fail_call(self, micro_batch: MicroBatch, number: int, error: BmsError) -> None:
        """Ends one of several calls of a micro-batch; the caller removes it from the micro-batch right after."""
        self.metrics.failed(error.code)
        self.in_flight -= 1
        micro_batch.caller.send(error_frame(micro_batch.id, error, number, 1))

    def cancel(self, micro_batch: MicroBatch) -> None:
        """Ends a micro-batch whose sender does not wait any more; `cancelled` is set by now or right after."""
        self.metrics.failed("CANCELLED", len(micro_batch.parts))
        self._end(micro_batch)

    async def idle(self) -> None:
        """Returns when no call is in flight."""
        if self.in_flight:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter

    def _answer_rows(
        self, micro_batches: Sequence[MicroBatch], done: Executed, writes: dict[Caller, list[bytes | memoryview]]
    ) -> None:
        """Answers micro-batches from one batch's outputs, each with its rows."""
        began, metrics, single = done.began, self.metrics, len(micro_batches) == 1
        outputs = list(done.outputs.items())
        at = 0
        for micro_batch in micro_batches:
            rows = micro_batch.rows
            end = at + rows
            if not micro_batch.cancelled:
                caller = micro_batch.caller
                parts = writes.get(caller)
                if parts is None:
                    parts = writes[caller] = []
                queue_ns = int((began - micro_batch.arrived) * 1e9)
                compute_ns = done.compute_ns * rows // done.rows
                if micro_batch.numbers is not None:
                    self._answer_calls(micro_batch, _cut(micro_batch, done.outputs, at, compute_ns), began, parts)
                else:
                    cut = done.outputs if single else {name: array[at:end] for name, array in outputs}
                    tensors = [Tensor(name, array) for name, array in without_masks_of_nothing(cut).items()]
                    parts += encode_answer(
                        micro_batch.id, tensors, queue_ns=queue_ns, compute_ns=compute_ns, batch=done.rows
                    )
                    metrics.answered(rows, queue_ns, len(micro_batch.parts))
                    self._end(micro_batch)
            at = end

    def _answer_alone(
        self, micro_batch: MicroBatch, became: Executed, writes: dict[Caller, list[bytes | memoryview]]
    ) -> None:
        if became.alone is None:
            self._answer_rows([micro_batch], became, writes)
        elif not micro_batch.cancelled:
            for results in became.alone:
                if not isinstance(results, Executed):  # a micro-batch alone is never several
                    self._answer_calls(micro_batch, results, became.began, writes.setdefault(micro_batch.caller, []))

    def _answer_calls(
        self, micro_batch: MicroBatch, results: Sequence[CallResult], began: float, parts: list[bytes | memoryview]
    ) -> None:
        """Writes one frame for each call, since some calls of the frame succeeded and others failed."""
        queue_ns = int((began - micro_batch.arrived) * 1e9)
        numbers = micro_batch.numbers or range(len(micro_batch.parts))
        whole = micro_batch.numbers is None and len(micro_batch.parts) == 1
        for number, rows, result in zip(numbers, micro_batch.parts, results, strict=True):
            parts += self._of_one(micro_batch, None if whole else number, rows, result, queue_ns)
        self._end(micro_batch)

    def _of_one(
        self,
        micro_batch: MicroBatch,
        number: int | None,
        rows: int,
        result: CallResult,
        queue_ns: int,
        end: AnswerEnd | None = None,
    ) -> list[bytes | memoryview]:
        """Counts one call and returns its frame; `number` None: the only call that was sent."""
        first, count = (0, 0) if number is None else (number, 1)
        if result.error is not None:
            self.metrics.failed(result.error.code)
            return [error_frame(micro_batch.id, result.error, first, count, result.compute_ns)]
        self.metrics.answered(rows, queue_ns)
        return encode_answer(
            micro_batch.id,
            [Tensor(name, array) for name, array in result.outputs.items()],
            queue_ns=queue_ns,
            compute_ns=result.compute_ns,
            first=first,
            count=count,
            batch=rows,
            end=end,
        )

    def _end(self, micro_batch: MicroBatch) -> None:
        del micro_batch.caller.open[micro_batch.id]
        self.in_flight -= len(micro_batch.parts)
        if not self.in_flight:
            for waiter in self._idle:
                if not waiter.done():
                    waiter.set_result(None)
            self._idle.clear()


def error_frame(id: int, error: BmsError, first: int = 0, count: int = 0, compute_ns: int = 0) -> bytes:
    """Encodes an ERROR frame; `retry` is set where this replica, not the request, is at fault."""
    again = isinstance(error, Unavailable | EngineFull)
    wait_ms = ceil((bounded_retry_after(error.retry_after_s) or 0) * 1000)  # which the model's own code may have set
    return encode_error(
        id,
        error.code,
        error.message,
        retry=again,
        first=first,
        count=count,
        compute_ns=compute_ns,
        wait_ms=wait_ms,
    )


def _cut(micro_batch: MicroBatch, outputs: dict[str, Array], at: int, compute_ns: int) -> list[CallResult]:
    """Returns each call's share of a micro-batch's outputs, whose rows begin at `at`."""
    results: list[CallResult] = []
    for rows in micro_batch.parts:
        cut = without_masks_of_nothing({name: array[at : at + rows] for name, array in outputs.items()})
        results.append(CallResult(cut, None, compute_ns * rows // micro_batch.rows))
        at += rows
    return results
