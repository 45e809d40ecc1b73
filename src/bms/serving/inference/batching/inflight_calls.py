"""The calls in flight in a model server: every accepted call ends here, exactly once, by an answer, an error or a
cancellation."""

import asyncio
from collections.abc import Sequence
from math import ceil

from bms.core.errors import BmsError, Unavailable
from bms.core.retry_after import passed_on
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.frames import AnswerEnd, encode_answer, encode_error
from bms.serving.engines.engine import EngineFull
from bms.serving.inference.batching.execution import CallResult, Executed
from bms.serving.inference.batching.micro_batch import Asker, MicroBatch
from bms.serving.inference.metrics import ModelServerMetrics


class InflightCalls:
    """Registers and ends micro-batches, writes their answers and errors, and counts their calls."""

    def __init__(self, metrics: ModelServerMetrics) -> None:
        self.metrics = metrics
        self.in_flight = 0  # calls
        self._idle: list[asyncio.Future[None]] = []

    def open(self, parcel: MicroBatch) -> None:
        parcel.asker.open[parcel.id] = parcel
        self.in_flight += len(parcel.parts)

    def answer(self, parcels: Sequence[MicroBatch], done: Executed) -> None:
        """Ends the micro-batches of a batch; all answers to one connection go out in one write."""
        writes: dict[Asker, list[bytes | memoryview]] = {}
        if done.alone is None:
            self._answer_rows(parcels, done, writes)
        else:
            for parcel, became in zip(parcels, done.alone, strict=True):
                if isinstance(became, Executed):
                    self._answer_alone(parcel, became, writes)
                elif not parcel.cancelled:
                    self._answer_calls(parcel, became, done.began, writes.setdefault(parcel.asker, []))
        for asker, parts in writes.items():
            asker.send(b"".join(parts))

    def part(self, parcel: MicroBatch, outputs: dict[str, Array], queue_ns: int, compute_ns: int) -> None:
        """Sends one part of a stream; the call goes on."""
        tensors = [Tensor(name, array) for name, array in outputs.items()]
        frame = encode_answer(parcel.id, tensors, queue_ns=queue_ns, compute_ns=compute_ns, final=False)
        parcel.asker.send(b"".join(frame))

    def end_call(
        self,
        parcel: MicroBatch,
        number: int | None,
        rows: int,
        result: CallResult,
        queue_ns: int,
        end: AnswerEnd | None = None,
    ) -> None:
        """Ends one call by itself, and its micro-batch with the last one; `number` None: the only call of its frame."""
        parcel.asker.send(b"".join(self._of_one(parcel, number, rows, result, queue_ns, end)))
        if len(parcel.parts) == 1:
            self._end(parcel)
        else:
            numbers = parcel.numbers or tuple(range(len(parcel.parts)))
            kept = [(each, rows) for each, rows in zip(numbers, parcel.parts, strict=True) if each != number]
            parcel.numbers, parcel.parts = tuple(each for each, _ in kept), tuple(rows for _, rows in kept)
            self.in_flight -= 1

    def fail(self, parcel: MicroBatch, error: BmsError) -> None:
        """Ends all calls of a micro-batch with one error."""
        if parcel.cancelled:
            return
        self.metrics.failed(error.code, len(parcel.parts))
        if parcel.numbers is None:
            parcel.asker.send(error_frame(parcel.id, error))
        else:
            parcel.asker.send(b"".join(error_frame(parcel.id, error, number, 1) for number in parcel.numbers))
        self._end(parcel)

    def fail_call(self, parcel: MicroBatch, number: int, error: BmsError) -> None:
        """Ends one of several calls of a micro-batch; the caller removes it from the micro-batch right after."""
        self.metrics.failed(error.code)
        self.in_flight -= 1
        parcel.asker.send(error_frame(parcel.id, error, number, 1))

    def cancel(self, parcel: MicroBatch) -> None:
        """Ends a micro-batch whose sender does not wait any more; `cancelled` is set by now or right after."""
        self.metrics.failed("CANCELLED", len(parcel.parts))
        self._end(parcel)

    async def idle(self) -> None:
        """Returns when no call is in flight."""
        if self.in_flight:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter

    def _answer_rows(
        self, parcels: Sequence[MicroBatch], done: Executed, writes: dict[Asker, list[bytes | memoryview]]
    ) -> None:
        """Answers micro-batches from one batch's outputs, each with its rows."""
        began, metrics, single = done.began, self.metrics, len(parcels) == 1
        outputs = list(done.outputs.items())
        at = 0
        for parcel in parcels:
            rows = parcel.rows
            end = at + rows
            if not parcel.cancelled:
                asker = parcel.asker
                parts = writes.get(asker)
                if parts is None:
                    parts = writes[asker] = []
                queue_ns = int((began - parcel.arrived) * 1e9)
                compute_ns = done.compute_ns * rows // done.rows
                if parcel.numbers is not None:
                    self._answer_calls(parcel, _cut(parcel, done.outputs, at, compute_ns), began, parts)
                else:
                    tensors = [Tensor(name, array if single else array[at:end]) for name, array in outputs]
                    parts += encode_answer(
                        parcel.id, tensors, queue_ns=queue_ns, compute_ns=compute_ns, batch=done.rows
                    )
                    metrics.answered(rows, queue_ns, len(parcel.parts))
                    self._end(parcel)
            at = end

    def _answer_alone(
        self, parcel: MicroBatch, became: Executed, writes: dict[Asker, list[bytes | memoryview]]
    ) -> None:
        if became.alone is None:
            self._answer_rows([parcel], became, writes)
        elif not parcel.cancelled:
            for results in became.alone:
                if not isinstance(results, Executed):  # a parcel alone is never several
                    self._answer_calls(parcel, results, became.began, writes.setdefault(parcel.asker, []))

    def _answer_calls(
        self, parcel: MicroBatch, results: Sequence[CallResult], began: float, parts: list[bytes | memoryview]
    ) -> None:
        """Writes one frame for each call, since some calls of the frame succeeded and others failed."""
        queue_ns = int((began - parcel.arrived) * 1e9)
        numbers = parcel.numbers or range(len(parcel.parts))
        whole = parcel.numbers is None and len(parcel.parts) == 1
        for number, rows, result in zip(numbers, parcel.parts, results, strict=True):
            parts += self._of_one(parcel, None if whole else number, rows, result, queue_ns)
        self._end(parcel)

    def _of_one(
        self,
        parcel: MicroBatch,
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
            return [error_frame(parcel.id, result.error, first, count, result.compute_ns)]
        self.metrics.answered(rows, queue_ns)
        return encode_answer(
            parcel.id,
            [Tensor(name, array) for name, array in result.outputs.items()],
            queue_ns=queue_ns,
            compute_ns=result.compute_ns,
            first=first,
            count=count,
            batch=rows,
            end=end,
        )

    def _end(self, parcel: MicroBatch) -> None:
        del parcel.asker.open[parcel.id]
        self.in_flight -= len(parcel.parts)
        if not self.in_flight:
            for waiter in self._idle:
                if not waiter.done():
                    waiter.set_result(None)
            self._idle.clear()


def error_frame(id: int, error: BmsError, first: int = 0, count: int = 0, compute_ns: int = 0) -> bytes:
    """Encodes an ERROR frame; `retry` is set where this replica, not the request, is at fault."""
    again = isinstance(error, Unavailable | EngineFull)
    wait_ms = ceil((passed_on(error.retry_after_s) or 0) * 1000)  # which the model's own code may have said
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


def _cut(parcel: MicroBatch, outputs: dict[str, Array], at: int, compute_ns: int) -> list[CallResult]:
    """Returns each call's share of a micro-batch's outputs, whose rows begin at `at`."""
    results: list[CallResult] = []
    for rows in parcel.parts:
        cut = {name: array[at : at + rows] for name, array in outputs.items()}
        results.append(CallResult(cut, None, compute_ns * rows // parcel.rows))
        at += rows
    return results
