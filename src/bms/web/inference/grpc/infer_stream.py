"""ModelStreamInfer: every request of the stream is an exchange of its own, and one that fails does not end the stream,
unless its client says so: by the metadata `triton_grpc_error: true` the first error is the call's status.

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


class _Turn:
    """The place of one request in its stream. `answer` None: not there yet; empty: there is nothing more to say. With
    an `error` the stream ends here."""

    __slots__ = ("answer", "error", "exchange")

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.error: BmsError | None = None
        self.exchange: StreamExchange | None = None


class StreamExchange(GrpcExchange):
    """Its maker sets `line`, `turn`, and whether the client wants to be told of the end of parts."""

    streams = True
    line: "_Line"
    turn: _Turn
    empty_final = False
    _behind = 0
    _largest = 0  # part, in bytes

    def encode_part(self, outputs: Sequence[Tensor]) -> bytes:
        response = self.told(outputs)
        response.final = False
        return encode_stream_part(response, self.decoded.classes, self.request.notes)

    def give(self, part: bytes) -> None:
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
        return ExchangeAnswer(encode_stream_part(self.told(outputs), self.decoded.classes, self.request.notes))

    def deliver(self, answer: ExchangeAnswer) -> None:
        self.line.answered(self.turn, answer.body)

    def deliver_error(self, error: BmsError) -> None:
        self.line.failed(self.turn, error, self.request.id)


class _Line:
    """The requests of one stream that are not answered yet, in their order."""

    def __init__(self, call: RpcCall) -> None:
        self.call = call
        self.turns: deque[_Turn] = deque()
        self.strict = call.stream.head.fields.get(_STRICT) == b"true"

    def enter(self) -> _Turn:
        turn = _Turn()
        self.turns.append(turn)
        return turn

    def failed(self, turn: _Turn, error: BmsError, id: str | None) -> None:
        """Answers with the error, or ends the stream by it once all before it is answered."""
        if self.strict:
            turn.error = error
        self.answered(turn, b"" if self.strict else encode_stream_error(error, id))

    def answered(self, turn: _Turn, answer: bytes) -> None:
        """Sends this answer when all before it are sent."""
        turn.answer, turn.exchange = answer, None
        call, turns = self.call, self.turns
        while turns and turns[0].answer is not None:
            first = turns.popleft()
            if first.error is not None:
                self.cancel()
                call.state = None
                call.fail(first.error)
                return
            if first.answer:
                call.send(first.answer)
        self.pace()

    def cancel(self) -> None:
        """Whatever is under way is not waited for any more."""
        for turn in self.turns:
            if turn.exchange is not None:
                turn.exchange.cancel()

    def pace(self) -> None:
        """Reads on, or not; ends the call behind the last answer."""
        call = self.call
        if call.through and not self.turns:
            call.finish()
        elif not call.over:
            call.hold(len(self.turns) >= _MOST_IN_FLIGHT or call.congested)


class ModelStreamInfer(QuietMethod):
    streams = True

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def opened(self, call: RpcCall) -> None:
        self._pipeline.caller(call.head)
        call.state = _Line(call)

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        """A key that is good no more ends the stream; any other error is an answer."""
        line, began = call.state, perf_counter()
        assert isinstance(line, _Line)
        turn, id = line.enter(), None
        try:
            key = self._pipeline.admit(call.head)
            request = read_infer(message)
            id = request.id
            made = StreamExchange(key, call, request, len(message), began)
            made.line, made.turn, made.empty_final = line, turn, wants_empty_final(request)
            if call.deadline is not None:
                made.timeout_s = left_s(call.deadline, self._pipeline.monotonic())
            self._pipeline.run(made)
            del made.message
        except (Unauthenticated, PermissionDenied):
            raise
        except BmsError as error:
            self._pipeline.metrics.direct(error.http_status)
            line.failed(turn, error, id)
        else:
            turn.exchange = made
            line.pace()

    def ended(self, call: RpcCall) -> None:
        assert isinstance(call.state, _Line)
        call.state.pace()

    def writable(self, call: RpcCall) -> None:
        assert isinstance(call.state, _Line)
        call.state.pace()

    def cancel(self, call: RpcCall) -> None:
        line, call.state = call.state, None
        if isinstance(line, _Line):
            line.cancel()
