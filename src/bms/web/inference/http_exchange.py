"""The exchange of an inference request over HTTP: decodes its body, and encodes and sends one whole answer."""

from collections.abc import Sequence
from typing import Any

from bms.core.errors import BmsError
from bms.core.tensors.request import InferResponse
from bms.core.tensors.tensor import Tensor
from bms.serving.pipeline.exchange import Exchange
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.web.inference.dialect import Addressed, Dialect, Fields, Signatures
from bms.web.inference.dialects import OF_KSERVE
from bms.web.inference.http.answers import warnings_of
from bms.web.inference.http.compression import WORTH_BYTES, deflate, inflate
from bms.web.inference.http.request import HttpRequest

_PARAMETERS = frozenset({"params", "parameters"})  # members that mean something to whoever sends them


class HttpExchange(Exchange):
    """One request over HTTP. Its maker sets `http`, the `action` it asks for and its `dialect`, how many bytes a body
    may have, and `parsed_body`, the parsed body where that names its model. `decoded` is what the dialect made of
    it."""

    http: HttpRequest
    action: str
    dialect: Dialect
    most_bytes: int
    parsed_body: Addressed | None = None
    decoded: Any

    @property
    def fields(self) -> Fields:
        return self.http.head.fields

    def decode(self, signatures: Signatures) -> None:
        http, fields = self.http, self.http.head.fields
        if self.route.entry.dialect == "kserve":
            self.dialect = OF_KSERVE.get(self.action, self.dialect)
        body: Any = self.parsed_body
        if body is None:
            body = body_of(http, self.most_bytes) if b"content-encoding" in fields else http.body()
        decoded = self.dialect.decode(body, fields, self.model, signatures)
        self.decoded, self.rows = decoded, decoded.rows
        self.request = infer = decoded.request
        if infer.ignored:
            action = self.action
            self.shared.metrics.ignored(action, infer.ignored)
            if not _PARAMETERS.isdisjoint(infer.ignored):
                infer.notes = (*infer.notes, f"{action} takes no parameters: those of this body were not read")

    def response(self, outputs: Sequence[Tensor]) -> InferResponse:
        return InferResponse(
            model=self.route.entry.name, version=self.version.number, outputs=outputs, id=self.request.id
        )

    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        answer = self.dialect.encode(self.response(outputs), self.decoded, self.version.signatures)
        if self.request.notes:
            answer = answer._replace(headers=answer.headers + warnings_of(self.request.notes))
        if len(answer.body) >= WORTH_BYTES and (accepted := self.http.head.fields.get(b"accept-encoding")):
            body, lines = deflate(answer.body, accepted)
            return answer._replace(body=body, headers=answer.headers + lines)
        return answer

    def deliver(self, answer: ExchangeAnswer) -> None:
        http = self.http
        http.state = None  # no cycle is left for the collector
        http.connection.respond(http, 200, answer.content_type, answer.body, answer.headers)

    def deliver_error(self, error: BmsError) -> None:
        http = self.http
        http.state = None
        http.connection.respond_error(http, error)


def body_of(request: HttpRequest, most_bytes: int) -> bytes | memoryview:
    """Returns the request's body, decompressed to at most so many bytes."""
    body, coding = request.body(), request.head.fields.get(b"content-encoding")
    return body if coding is None else inflate(body, coding, most_bytes)
