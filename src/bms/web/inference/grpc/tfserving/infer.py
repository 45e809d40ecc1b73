"""Predict, Classify and Regress: one message, one answer."""

from collections.abc import Sequence
from time import perf_counter

from bms.core.inference import InferRequest, Verb
from bms.core.snapshot import KeyEntry
from bms.core.tensor import Tensor
from bms.protocols.tfserving import Decoded
from bms.protocols.tfserving_grpc.examples import decode_examples, examples_of, read_examples
from bms.protocols.tfserving_grpc.model_spec import Meant, read_spec
from bms.protocols.tfserving_grpc.predict import decode_predict, encode_predict
from bms.protocols.tfserving_grpc.predict_outline import read_predict
from bms.protocols.tfserving_grpc.results import classification_result, regression_result, result_response
from bms.web.inference.desk import Desk
from bms.web.inference.grpc.call import Call
from bms.web.inference.grpc.callers import taken
from bms.web.inference.grpc.deadlines import deadline
from bms.web.inference.grpc.status import warnings_of
from bms.web.inference.grpc.tfserving.asked import Where, find
from bms.web.inference.grpc.unary import UnaryExchange, UnaryMethod
from bms.web.inference.turn import Answer


class Asking(UnaryMethod):
    """What the methods that ask a model share."""

    kind: type[UnaryExchange]

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def opened(self, call: Call) -> None:
        """Refuses by the head alone what can be."""
        call.caller = taken(self._desk, call)

    def ask(
        self, call: Call, meant: Meant, where: Where, request: InferRequest, rows: int, began: float, size: int
    ) -> UnaryExchange:
        """The exchange for a request of `size` bytes, not sent yet. Raises DeadlineExceeded."""
        key, (route, version) = call.caller, where
        assert isinstance(key, KeyEntry)
        request.version, request.alias = meant.number, meant.label
        until = deadline(self._desk, call, route, None)
        made = self.kind(
            self._desk, key, request, rows, route, version, until,
            id=call.id.decode("ascii"), bytes_in=size, began=began,
        )  # fmt: skip
        made.call = call
        return made


class PredictExchange(UnaryExchange):
    def encode(self, outputs: Sequence[Tensor]) -> Answer:
        request = self.request
        body = encode_predict(self.response(outputs), request.signature or "")
        return Answer(body, headers=warnings_of(request.notes) if request.notes else b"")


class Predict(Asking):
    kind = PredictExchange

    def message(self, call: Call, message: bytes | memoryview) -> None:
        began, key = perf_counter(), call.caller
        assert isinstance(key, KeyEntry)
        given = read_predict(message)
        meant = given.outline.meant
        where = find(self._desk, key, meant)
        request, rows = decode_predict(given, where[1].signatures)
        made = self.ask(call, meant, where, request, rows, began, call.size)
        made.send()
        call.state = made


class ExamplesExchange(UnaryExchange):
    """Its maker sets as `decoded` what came."""

    verb: Verb
    decoded: Decoded

    def result(self, outputs: Sequence[Tensor]) -> bytes:
        """A ClassificationResult or RegressionResult."""
        response = self.response(outputs)
        if self.verb == "regress":
            return regression_result(response, self.decoded)
        return classification_result(response, self.decoded, self.version.signatures[self.request.signature or ""])

    def encode(self, outputs: Sequence[Tensor]) -> Answer:
        request = self.request
        body = result_response(self.result(outputs), self.response(outputs), request.signature or "")
        return Answer(body, headers=warnings_of(request.notes) if request.notes else b"")


class OfExamples(Asking):
    """`verb` says what is asked of the examples."""

    kind = ExamplesExchange

    def __init__(self, desk: Desk, verb: Verb) -> None:
        super().__init__(desk)
        self._verb = verb

    def message(self, call: Call, message: bytes | memoryview) -> None:
        began, key = perf_counter(), call.caller
        assert isinstance(key, KeyEntry)
        asked = read_examples(message)
        meant = read_spec(asked)
        where = find(self._desk, key, meant)
        signatures = where[1].signatures
        decoded = decode_examples(examples_of(asked), meant.name, meant.signature, signatures, self._verb)
        made = self.ask(call, meant, where, decoded.request, decoded.rows, began, call.size)
        assert isinstance(made, ExamplesExchange)
        made.verb, made.decoded = self._verb, decoded
        made.send()
        call.state = made
