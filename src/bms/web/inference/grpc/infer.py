"""The method ModelInfer: one request message, one answer message."""

from collections.abc import Mapping, Sequence
from time import perf_counter

from bms.core.serving.snapshot import KeyEntry
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Tensor
from bms.protocols.oip.grpc.infer import decode_infer, encode_infer, read_version
from bms.protocols.oip.grpc.outline import InferMessage, read_infer
from bms.protocols.oip.infer import DecodedInfer
from bms.protocols.oip.kserve_labels import label_request, label_response, with_labels
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.deadlines import left_s
from bms.web.inference.grpc.unary import UnaryExchange, UnaryMethod


class GrpcExchange(UnaryExchange):
    """The exchange of one ModelInferRequest of `size` bytes. `decoded` is what it was decoded to; `message` may be
    dropped then."""

    message: InferMessage
    decoded: DecodedInfer

    def __init__(self, key: KeyEntry, call: RpcCall, message: InferMessage, size: int, began: float) -> None:
        sent = message.outline.message
        number, alias = read_version(sent.model_version)
        super().__init__(key, sent.model_name, number, alias, call.id.decode("ascii"), size, began)
        self.call = call
        self.message = message

    def decode(self, signatures: Mapping[str, Signature]) -> None:
        if self.route.entry.dialect == "kserve":
            decoded = label_request(decode_infer(self.message, with_labels(signatures)), signatures)
        else:
            decoded = decode_infer(self.message, signatures)
        self.decoded = decoded
        self.request, self.rows = decoded.request, decoded.rows

    def build_response(self, outputs: Sequence[Tensor]) -> InferResponse:
        """Builds the answer, or a part of it, with the outputs of its deployment's dialect."""
        response = self.response(outputs)
        if self.route.entry.dialect == "kserve":
            return label_response(response, self.decoded, self.version.signatures[self.request.signature or ""])
        return response

    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        return ExchangeAnswer(encode_infer(self.build_response(outputs), self.decoded.classes, self.request.notes))


class ModelInfer(UnaryMethod):
    """The method ModelInfer of the Open Inference Protocol."""

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        began, key = perf_counter(), call.caller
        assert isinstance(key, KeyEntry)
        made = GrpcExchange(key, call, read_infer(message), call.size, began)
        if call.deadline is not None:
            made.timeout_s = left_s(call.deadline, self._pipeline.monotonic())
        self._pipeline.run(made)
        del made.message  # no more than its tensors is kept while it is under way
        call.state = made
