"""The methods Predict, Classify and Regress of TensorFlow Serving: one request message, one answer message."""

from collections.abc import Mapping, Sequence
from time import perf_counter

from bms.core.errors import NotFound
from bms.core.serving.snapshot import KeyEntry
from bms.core.tensors.request import Verb
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Tensor
from bms.protocols.tfserving.grpc.examples import decode_examples, examples_of, read_examples
from bms.protocols.tfserving.grpc.model_spec import Meant, read_spec
from bms.protocols.tfserving.grpc.predict import decode_predict, encode_predict
from bms.protocols.tfserving.grpc.predict_outline import PredictMessage, read_predict
from bms.protocols.tfserving.grpc.results import classification_result, regression_result, result_response
from bms.protocols.tfserving.predict import DecodedPredict
from bms.serving.pipeline.pipeline import Pipeline
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.deadlines import left_s
from bms.web.inference.grpc.status import warnings_of
from bms.web.inference.grpc.tfserving.model_lookup import tfserving_error
from bms.web.inference.grpc.unary import UnaryExchange, UnaryMethod


class TfsExchange(UnaryExchange):
    """The exchange of one request to the model that is `meant`."""

    def __init__(self, key: KeyEntry, call: RpcCall, meant: Meant, size: int, began: float) -> None:
        super().__init__(key, meant.name, meant.number, meant.label, call.id.decode("ascii"), size, began)
        self.call = call
        self.meant = meant


class Asking(UnaryMethod):
    """The base of methods that ask a model: a missing model is reported in TensorFlow Serving's words."""

    def ask(self, made: TfsExchange) -> None:
        """Starts the exchange of a message. Raises BmsError where it is refused."""
        call = made.call
        if call.deadline is not None:
            made.timeout_s = left_s(call.deadline, self._pipeline.monotonic())
        try:
            self._pipeline.run(made)
        except NotFound as error:
            raise tfserving_error(made.meant, error) from None
        call.state = made


class PredictExchange(TfsExchange):
    """The exchange of one PredictRequest. Its maker sets what was `given`."""

    given: PredictMessage

    def decode(self, signatures: Mapping[str, Signature]) -> None:
        self.request, self.rows = decode_predict(self.given, signatures)

    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        request = self.request
        body = encode_predict(self.response(outputs), request.signature or "")
        return ExchangeAnswer(body, headers=warnings_of(request.notes) if request.notes else b"")


class Predict(Asking):
    """The method Predict."""

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        began, key = perf_counter(), call.caller
        assert isinstance(key, KeyEntry)
        given = read_predict(message)
        made = PredictExchange(key, call, given.outline.meant, call.size, began)
        made.given = given
        self.ask(made)
        del made.given  # no more than its tensors is kept while it is under way


class ExamplesExchange(TfsExchange):
    """The exchange of a Classify or Regress. Its maker sets which `examples` came, and the `verb`."""

    verb: Verb
    examples: list[bytes]
    decoded: DecodedPredict

    def decode(self, signatures: Mapping[str, Signature]) -> None:
        meant = self.meant
        self.decoded = decoded = decode_examples(self.examples, meant.name, meant.signature, signatures, self.verb)
        self.request, self.rows = decoded.request, decoded.rows

    def result(self, outputs: Sequence[Tensor]) -> bytes:
        """Builds a ClassificationResult or RegressionResult."""
        response = self.response(outputs)
        if self.verb == "regress":
            return regression_result(response, self.decoded)
        return classification_result(response, self.decoded, self.version.signatures[self.request.signature or ""])

    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        request = self.request
        body = result_response(self.result(outputs), self.response(outputs), request.signature or "")
        return ExchangeAnswer(body, headers=warnings_of(request.notes) if request.notes else b"")


class OfExamples(Asking):
    """The methods Classify and Regress, as `verb` says."""

    def __init__(self, pipeline: Pipeline, verb: Verb) -> None:
        super().__init__(pipeline)
        self._verb = verb

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        began, key = perf_counter(), call.caller
        assert isinstance(key, KeyEntry)
        request = read_examples(message)
        made = ExamplesExchange(key, call, read_spec(request), call.size, began)
        made.verb, made.examples = self._verb, examples_of(request)
        self.ask(made)
        del made.examples  # no more than its tensors is kept while it is under way
