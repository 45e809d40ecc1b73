"""Streamed answers over HTTP: an exchange that sends every part as its dialect encodes it, e.g. as a server-sent
event."""

from collections.abc import Sequence

from bms.core.errors import BmsError, ResourceExhausted
from bms.core.tensors.request import InferResponse
from bms.core.tensors.tensor import Tensor
from bms.serving.pipeline.token_counts import reported_tokens
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.web.inference.dialect import Signatures, StreamingDialect
from bms.web.inference.http.answers import warnings_of
from bms.web.inference.http_exchange import HttpExchange

MOST_BEHIND = 4 << 20  # bytes that wait for a client which takes them too slowly, beside the largest part
_HEADERS = b"content-type: %b\r\ncache-control: no-cache\r\n"


class EventStream(HttpExchange):
    """An exchange of a dialect that may stream. Status and headers leave with the first part. What fails before is an
    error like any other, what fails later is encoded by the dialect."""

    dialect: StreamingDialect
    _begun = False
    _largest = 0  # part, in bytes: however fast a client reads, one is not gone before the next one comes

    def decode(self, signatures: Signatures) -> None:
        super().decode(signatures)
        self.streams = self.dialect.wants_stream(self.decoded)
        self.gathers = not self.streams

    def response(self, outputs: Sequence[Tensor]) -> InferResponse:
        made = super().response(outputs)
        made.finish, made.tokens = self.finish, self.more
        return made

    def encode_part(self, outputs: Sequence[Tensor]) -> bytes:
        return self.dialect.encode_part(self.response(outputs), self.decoded)

    def gather(self, parts: Sequence[Sequence[Tensor]]) -> Sequence[Tensor]:
        return self.dialect.gather(parts, self.decoded)

    def encode_end(self) -> bytes:
        return self.dialect.encode_end(self.response(()), self.decoded)

    def send_part(self, part: bytes) -> None:
        http = self.http
        if http.connection.unsent > MOST_BEHIND + self._largest:
            raise ResourceExhausted(
                f"{http.connection.unsent} bytes of the stream wait for the client, whose largest part has "
                f"{self._largest}: read faster"
            )
        self._largest = max(self._largest, len(part))
        if not self._begun:
            self._begun = True
            headers = _HEADERS % self.dialect.event_type + warnings_of(self.request.notes)
            http.connection.begin_stream(http, 200, headers, None)
        http.connection.stream(http, part)

    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        """Encodes one whole answer; as a stream of one part, where a stream is wanted."""
        if not self.streams:
            return super().encode(outputs)
        told = reported_tokens(outputs)
        body = self.encode_part(outputs) + self.encode_end()
        return ExchangeAnswer(body, self.dialect.event_type, more=told)

    def deliver(self, answer: ExchangeAnswer) -> None:
        if not self.streams:
            super().deliver(answer)
            return
        http = self.http
        http.state = None
        if not self._begun:
            http.connection.respond(http, 200, self.dialect.event_type, answer.body, b"cache-control: no-cache\r\n")
            return
        if answer.body:
            http.connection.stream(http, answer.body)
        http.connection.end_stream(http)

    def deliver_error(self, error: BmsError) -> None:
        if not self._begun:
            super().deliver_error(error)
            return
        http = self.http
        http.state = None
        http.connection.stream(http, self.dialect.encode_error(error, self.decoded))
        http.connection.end_stream(http)
