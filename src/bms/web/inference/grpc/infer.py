"""ModelInfer: one message, one answer."""

from collections.abc import Sequence
from time import perf_counter

from bms.core.snapshot import KeyEntry
from bms.core.tensor import Tensor
from bms.protocols.oip import Decoded
from bms.protocols.oip_grpc import decode_infer, encode_infer, read_version
from bms.protocols.oip_grpc_outline import InferMessage, read_infer
from bms.web.inference.desk import Desk
from bms.web.inference.grpc.call import Call
from bms.web.inference.grpc.callers import taken
from bms.web.inference.grpc.deadlines import deadline
from bms.web.inference.grpc.unary import UnaryExchange, UnaryMethod
from bms.web.inference.turn import Answer


class GrpcExchange(UnaryExchange):
    """Its maker sets as `decoded` what came."""

    decoded: Decoded

    def encode(self, outputs: Sequence[Tensor]) -> Answer:
        return Answer(encode_infer(self.response(outputs), self.decoded.classes, self.request.notes))


def exchange(
    kind: "type[GrpcExchange]", desk: Desk, key: KeyEntry, call: Call, request: InferMessage, size: int, began: float
) -> GrpcExchange:
    """The exchange for one ModelInferRequest of `size` bytes, not sent yet.

    Raises InvalidArgument, NotFound, Unavailable, DeadlineExceeded.
    """
    said = request.outline.message
    number, alias = read_version(said.model_version)
    route, version = desk.route(key, said.model_name, number, alias)
    decoded = decode_infer(request, version.signatures)
    infer = decoded.request
    if infer.sequence is not None and number is None and alias is None:
        other = desk.sequence_version(route, version, infer.sequence)
        if other is not version:
            version = other
            decoded = decode_infer(request, version.signatures)
            infer = decoded.request
    infer.version, infer.alias = number, alias
    made = kind(
        desk,
        key,
        infer,
        decoded.rows,
        route,
        version,
        deadline(desk, call, route, infer.timeout_s),
        id=call.id.decode("ascii"),
        bytes_in=size,
        began=began,
    )
    made.call, made.decoded = call, decoded
    return made


class ModelInfer(UnaryMethod):
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
