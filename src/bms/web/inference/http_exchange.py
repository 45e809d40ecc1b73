"""An inference request over HTTP once it is dispatched: the exchange of one whole body for another."""

from collections.abc import Sequence
from typing import Any

from bms.core.errors import BmsError
from bms.core.inference import InferResponse
from bms.core.tensor import Tensor
from bms.web.inference.answers import warnings_of
from bms.web.inference.compression import WORTH_BYTES, deflate
from bms.web.inference.dialects import Dialect
from bms.web.inference.exchange import Exchange
from bms.web.inference.request import Request
from bms.web.inference.turn import Answer


class HttpExchange(Exchange):
    """Its maker sets `http`, `dialect`, and as `decoded` what the dialect made of the body."""

    http: Request
    dialect: Dialect
    decoded: Any

    def response(self, outputs: Sequence[Tensor]) -> InferResponse:
        return InferResponse(
            model=self.route.entry.name, version=self.version.number, outputs=outputs, id=self.request.id
        )

    def encode(self, outputs: Sequence[Tensor]) -> Answer:
        answer = self.dialect.encode(self.response(outputs), self.decoded, self.version.signatures)
        if self.request.notes:
            answer = answer._replace(headers=answer.headers + warnings_of(self.request.notes))
        if len(answer.body) >= WORTH_BYTES and (accepted := self.http.head.fields.get(b"accept-encoding")):
            body, lines = deflate(answer.body, accepted)
            return answer._replace(body=body, headers=answer.headers + lines)
        return answer

    def deliver(self, answer: Answer) -> None:
        http = self.http
        http.state = None  # no cycle is left for the collector
        http.connection.respond(http, 200, answer.content_type, answer.body, answer.headers)

    def deliver_error(self, error: BmsError) -> None:
        http = self.http
        http.state = None
        http.connection.respond_error(http, error)
