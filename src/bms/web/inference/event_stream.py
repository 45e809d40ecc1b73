"""Answers as they come: an exchange whose client is told every part of a stream as a server-sent event."""

from collections.abc import Sequence

from bms.core.errors import BmsError, ResourceExhausted
from bms.core.tensor import Tensor
from bms.protocols.oip_generate import EVENT_STREAM, encode_error_event, encode_event
from bms.serving.pipeline.token_counts import told_tokens
from bms.serving.pipeline.turn import Answer
from bms.web.inference.answers import warnings_of
from bms.web.inference.http_exchange import HttpExchange

MOST_BEHIND = 4 << 20  # bytes that wait for a client which takes them too slowly
_HEADERS = b"content-type: %b\r\ncache-control: no-cache\r\n" % EVENT_STREAM


class EventStream(HttpExchange):
    """Status and headers leave with the first part. What fails before is an error like any other, what fails later is
    an event of the stream. Of a dialect whose body says whether to stream, `decode` sets `streams`."""

    streams = True
    _begun = False

    def event(self, outputs: Sequence[Tensor]) -> bytes:
        """One answer of the stream. Raises InvalidArgument for outputs that it cannot carry."""
        return encode_event(self.response(outputs))

    def part(self, outputs: Sequence[Tensor]) -> int:
        """Raises ResourceExhausted where the client takes what is sent too slowly."""
        event, http = self.event(outputs), self.http
        if http.connection.unsent > MOST_BEHIND:
            raise ResourceExhausted(f"over {MOST_BEHIND} bytes of the stream wait for the client: read faster")
        if not self._begun:
            self._begun = True
            http.connection.begin_stream(http, 200, _HEADERS + warnings_of(self.request.notes), None)
        http.connection.stream(http, event)
        return len(event)

    def encode(self, outputs: Sequence[Tensor]) -> Answer:
        """The stream of a model that gives one whole answer."""
        return Answer(self.event(outputs), EVENT_STREAM, more=told_tokens(outputs))

    def deliver(self, answer: Answer) -> None:
        if not self.streams:
            super().deliver(answer)
            return
        http = self.http
        http.state = None
        if self._begun:
            http.connection.end_stream(http)
        else:
            http.connection.respond(http, 200, EVENT_STREAM, answer.body, b"cache-control: no-cache\r\n")

    def deliver_error(self, error: BmsError) -> None:
        if not self._begun:
            super().deliver_error(error)
            return
        http = self.http
        http.state = None
        http.connection.stream(http, encode_error_event(error))
        http.connection.end_stream(http)
