"""ModelInfer: one message, one answer."""

from collections.abc import Sequence
from time import perf_counter

from bms.core.errors import BmsError, DeadlineExceeded
from bms.core.inference import InferResponse
from bms.core.snapshot import KeyEntry
from bms.core.tensor import Tensor
from bms.protocols.oip import Decoded
from bms.protocols.oip_grpc import decode_infer, encode_infer, read_version
from bms.protocols.oip_grpc_outline import InferMessage, read_infer
from bms.web.inference.desk import Desk
from bms.web.inference.exchange import Exchange
from bms.web.inference.grpc.call import Call
from bms.web.inference.grpc.callers import taken
from bms.web.inference.grpc.method import QuietMethod
from bms.web.inference.turn import Answer


class GrpcExchange(Exchange):
    """Its maker sets `call`, and as `decoded` what came."""

    call: Call
    decoded: Decoded

    def response(self, outputs: Sequence[Tensor]) -> InferResponse:
        return InferResponse(
            model=self.route.entry.name, version=self.version.number, outputs=outputs, id=self.request.id
        )

    def encode(self, outputs: Sequence[Tensor]) -> Answer:
        return Answer(encode_infer(self.response(outputs), self.decoded.classes, self.request.notes))

    def deliver(self, answer: Answer) -> None:
        call = self.call
        call.state = None  # no cycle is left for the collector
        call.respond(answer.body)

    def deliver_error(self, error: BmsError) -> None:
        call = self.call
        call.state = None
        call.fail(error)


def exchange(
    kind: "type[GrpcExchange]", desk: Desk, key: KeyEntry, call: Call, request: InferMessage, size: int, began: float
) -> GrpcExchange:
    """The exchange for one ModelInferRequest of `size` bytes, not sent yet.

    Raises InvalidArgument, NotFound, Unavailable, DeadlineExceeded.
    """
    said = request.outline.message
    number = read_version(said.model_version)
    route, version = desk.route(key, said.model_name, number, None)
    decoded = decode_infer(request, version.signatures)
    infer = decoded.request
    infer.version = number
    if infer.timeout_s is None and call.deadline is None:
        deadline = desk.monotonic() + route.entry.timeout_s
    else:
        deadline = desk.deadline(route, infer.timeout_s, _left_s(desk, call))
    made = kind(
        desk, key, infer, decoded.rows, route, version, deadline, id=call.id.decode("ascii"), bytes_in=size, began=began
    )
    made.call, made.decoded = call, decoded
    return made


def _left_s(desk: Desk, call: Call) -> float | None:
    if call.deadline is None:
        return None
    left = call.deadline - desk.monotonic()
    if left <= 0:
        raise DeadlineExceeded("the call's grpc-timeout was over before the call was read")
    return left


class ModelInfer(QuietMethod):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def opened(self, call: Call) -> None:
        """Refuses by the head alone what can be."""
        call.caller = taken(self._desk, call)

    def message(self, call: Call, message: bytes | memoryview) -> None:
        began, key = perf_counter(), call.caller
        assert isinstance(key, KeyEntry)
        made = exchange(GrpcExchange, self._desk, key, call, read_infer(message), call.size, began)
        made.send()
        call.state = made

    def cancel(self, call: Call) -> None:
        made, call.state = call.state, None
        if isinstance(made, Exchange):
            made.cancel()
