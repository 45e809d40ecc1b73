"""The method ModelStreamInfer: every request of the stream is an exchange of its own, and one that fails does not end
the stream, unless its client says so: by the metadata `triton_grpc_error: true` the first error is the call's status.

Whole answers come in the order of their requests. The parts of a model that streams come as they are made; their id
says whose they are.
"""

from collections import deque
from collections.abc import Sequence
from time import perf_counter

from bms.core.errors import BmsError, PermissionDenied, ResourceExhausted, Unauthenticated
from bms.core.tensors.tensor import Tensor
from bms.protocols.oip.grpc.infer import encode_stream_end, encode_stream_error, encode_stream_part, wants_empty_final
from bms.protocols.oip.grpc.outline import read_infer
from bms.serving.pipeline.pipeline import Pipeline
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.deadlines import left_s
from bms.web.inference.grpc.infer import GrpcExchange
from bms.web.inference.grpc.method import QuietMethod

_STRICT = b"triton_grpc_error"
_MOST_IN_FLIGHT = 64  # requests of one stream; it is read no further meanwhile
_MOST_BEHIND = 4 << 20  # bytes of parts that wait for a client which takes them too slowly, beside the largest one


class _Slot:
    """The place of one request in the order of its stream's answers. `answer` None: not there yet; empty: nothing more
    follows. With an `error` the stream ends here."""

    __slots__ = ("answer", "error", "exchange")

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.error: BmsError | None = None
        self.exchange: StreamExchange | None = None


class StreamExchange(GrpcExchange):
    """The exchange of one request of a stream. Its maker sets `queue`, `slot`, and whether the client wants an empty
    final part."""

    streams = True
    queue: "_AnswerQueue"
    slot: _Slot
    empty_final = False
    _behind = 0
    _largest = 0  # part, in bytes

    def encode_part(self, outputs: Sequence[Tensor]) -> bytes:
        response = self.build_response(outputs)
        response.final = False
        return encode_stream_part(response, self.decoded.classes, self.request.notes)

    def send_part(self, part: bytes) -> None:
        self._largest = max(self._largest, len(part))
        self._behind = self._behind + len(part) if self.call.congested else 0
        if self._behind > _MOST_BEHIND + self._largest:
            raise ResourceExhausted(
                f"{self._behind} bytes of the stream wait for the client, whose largest part has {self._largest}: "
                "read faster"
            )
        self.call.send(part)

    def encode_end(self) -> bytes:
        if not self.empty_final:
            return b""
        return encode_stream_end(self.route.entry.name, self.version.number, self.request.id)

    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        return ExchangeAnswer(
            encode_stream_part(self.build_response(outputs), self.decoded.classes, self.request.notes)
        )

    def deliver(self, answer: ExchangeAnswer) -> None:
        self.queue.answered(self.slot, answer.body)

    def deliver_error(self, error: BmsError) -> None:
        self.queue.failed(self.slot, error, self.request.id)


class _AnswerQueue:
    """The unanswered requests of one stream, in their order."""

    def __init__(self, call: RpcCall) -> None:
        self.call = call
        self.slots: deque[_Slot] = deque()
        self.strict = call.stream.head.fields.get(_STRICT) == b"true"

    def enter(self) -> _Slot:
        slot = _Slot()
        self.slots.append(slot)
        return slot

    def failed(self, slot: _Slot, error: BmsError, id: str | None) -> None:
        """Answers with the error, or ends the stream by it once all before it are answered."""
        if self.strict:
            slot.error = error
        self.answered(slot, b"" if self.strict else encode_stream_error(error, id))

    def answered(self, slot: _Slot, answer: bytes) -> None:
        """Sends this answer when all before it are sent."""
        slot.answer, slot.exchange = answer, None
        call, slots = self.call, self.slots
        while slots and slots[0].answer is not None:
            first = slots.popleft()
            if first.error is not None:
                self.cancel()
                call.state = None
                call.fail(first.error)
                return
            if first.answer:
                call.send(first.answer)
        self.pace()

    def cancel(self) -> None:
        """Cancels every request of the stream that is under way."""
        for slot in self.slots:
            if slot.exchange is not None:
                slot.exchange.cancel()

    def pace(self) -> None:
        """Pauses or resumes reading; ends the call after the last answer."""
        call = self.call
        if call.through and not self.slots:
            call.finish()
        elif not call.over:
            call.hold(len(self.slots) >= _MOST_IN_FLIGHT or call.congested)


class ModelStreamInfer(QuietMethod):
    """The method ModelStreamInfer of Triton's extension."""

    streams = True

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def opened(self, call: RpcCall) -> None:
        self._pipeline.caller(call.head)
        call.state = _AnswerQueue(call)

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        """Starts an exchange for one message. A key that is no longer valid ends the stream; any other error is an
        answer."""
        queue, began = call.state, perf_counter()
        assert isinstance(queue, _AnswerQueue)
        slot, id = queue.enter(), None
        try:
            key = self._pipeline.admit(call.head)
            request = read_infer(message)
            id = request.id
            made = StreamExchange(key, call, request, len(message), began)
            made.queue, made.slot, made.empty_final = queue, slot, wants_empty_final(request)
            if call.deadline is not None:
                made.timeout_s = left_s(call.deadline, self._pipeline.monotonic())
            self._pipeline.run(made)
            del made.message
        except (Unauthenticated, PermissionDenied):
            raise
        except BmsError as error:
            self._pipeline.metrics.direct(error.http_status)
            queue.failed(slot, error, id)
        else:
            slot.exchange = made
            queue.pace()

    def ended(self, call: RpcCall) -> None:
        assert isinstance(call.state, _AnswerQueue)
        call.state.pace()

    def writable(self, call: RpcCall) -> None:
        assert isinstance(call.state, _AnswerQueue)
        call.state.pace()

    def cancel(self, call: RpcCall) -> None:
        queue, call.state = call.state, None
        if isinstance(queue, _AnswerQueue):
            queue.cancel()
