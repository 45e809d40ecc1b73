"""The base of gRPC methods and exchanges with one request message and one answer message."""

from collections.abc import Mapping, Sequence

from bms.core.errors import BmsError
from bms.core.tensors.request import InferResponse
from bms.core.tensors.tensor import Tensor
from bms.serving.pipeline.exchange import Exchange
from bms.serving.pipeline.pipeline import Pipeline
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.method import QuietMethod


class UnaryExchange(Exchange):
    """An exchange that answers one call. Its maker sets `call`."""

    call: RpcCall

    @property
    def fields(self) -> Mapping[bytes, bytes]:
        return self.call.stream.head.fields

    def response(self, outputs: Sequence[Tensor]) -> InferResponse:
        return InferResponse(
            model=self.route.entry.name, version=self.version.number, outputs=outputs, id=self.request.id
        )

    def deliver(self, answer: ExchangeAnswer) -> None:
        call = self.call
        call.state = None  # no cycle is left for the collector
        call.respond(answer.body, answer.headers)

    def deliver_error(self, error: BmsError) -> None:
        call = self.call
        call.state = None
        call.fail(error)


class UnaryMethod(QuietMethod):
    """A method that asks a model, whose call has its exchange as `state`."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def opened(self, call: RpcCall) -> None:
        """Refuses a call by its head alone where it can."""
        call.caller = self._pipeline.admit(call.head)

    def cancel(self, call: RpcCall) -> None:
        made, call.state = call.state, None
        if isinstance(made, Exchange):
            made.cancel()
