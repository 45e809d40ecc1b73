"""One message, one answer: what the exchanges of all such methods share."""

from collections.abc import Sequence

from bms.core.errors import BmsError
from bms.core.inference import InferResponse
from bms.core.tensor import Tensor
from bms.web.inference.exchange import Exchange
from bms.web.inference.grpc.call import Call
from bms.web.inference.grpc.method import QuietMethod
from bms.web.inference.turn import Answer


class UnaryExchange(Exchange):
    """Its maker sets `call`."""

    call: Call

    def response(self, outputs: Sequence[Tensor]) -> InferResponse:
        return InferResponse(
            model=self.route.entry.name, version=self.version.number, outputs=outputs, id=self.request.id
        )

    def deliver(self, answer: Answer) -> None:
        call = self.call
        call.state = None  # no cycle is left for the collector
        call.respond(answer.body, answer.headers)

    def deliver_error(self, error: BmsError) -> None:
        call = self.call
        call.state = None
        call.fail(error)


class UnaryMethod(QuietMethod):
    """A method whose call has its exchange as `state`."""

    def cancel(self, call: Call) -> None:
        made, call.state = call.state, None
        if isinstance(made, Exchange):
            made.cancel()
