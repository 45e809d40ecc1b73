"""Inference over HTTP: from a head to an exchange, and from the exchange's end to the answer."""

import logging
from time import perf_counter

from bms.core.errors import BmsError, Internal, InvalidArgument
from bms.core.snapshot import KeyEntry
from bms.protocols.openai_embeddings import Asked
from bms.protocols.openai_vocabulary import Vocabulary
from bms.serving.pipeline.pipeline import Pipeline
from bms.web.inference.dialects import ADDRESSED, DIALECTS, OpenAiEmbeddings
from bms.web.inference.event_stream import EventStream
from bms.web.inference.http_exchange import HttpExchange, body_of
from bms.web.inference.limits import HttpLimits
from bms.web.inference.paths import Operation
from bms.web.inference.request import Request
from bms.web.inference.whole_body import WholeBodyHandler

log = logging.getLogger(__name__)


class HttpDoor(WholeBodyHandler):
    """Handles requests that ask a model, each by one exchange."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def ask(self, request: Request, began: float) -> HttpExchange:
        """Makes the exchange of a request that is there, and runs it. Raises BmsError where it is refused."""
        raise NotImplementedError

    def open(self, request: Request) -> None:
        """Refuses by the head alone what can be: overload and strangers are cheapest turned away here."""
        request.caller = self.pipeline.admit(request.head)

    def start(self, request: Request) -> None:
        began = perf_counter()
        try:
            request.state = self.ask(request, began)
            request.chunks.clear()
        except BmsError as error:
            self._refuse(request, error)
        except Exception:
            log.exception("request %s could not be dispatched", request.id.decode("ascii"))
            self._refuse(request, Internal("this request met a defect of ours: tell the operator its x-request-id"))

    def cancel(self, request: Request) -> None:
        if isinstance(request.state, HttpExchange):
            request.state.cancel()

    def _refuse(self, request: Request, error: BmsError) -> None:
        self.pipeline.metrics.direct(error.http_status)
        request.connection.respond_error(request, error)


class InferenceDoor(HttpDoor):
    """Handles requests whose action is in DIALECTS."""

    def __init__(self, pipeline: Pipeline, limits: HttpLimits, vocabulary: Vocabulary | None = None) -> None:
        """`vocabulary` says what token ids of OpenAI's clients mean."""
        super().__init__(pipeline)
        self._dialects = {**DIALECTS, "embeddings": OpenAiEmbeddings(vocabulary)}
        self._limits = limits

    def ask(self, request: Request, began: float) -> HttpExchange:
        operation, key, fields = request.head.operation, request.caller, request.head.fields
        assert isinstance(operation, Operation)
        assert isinstance(key, KeyEntry)
        action = operation.action or ""
        body: Asked | None = None
        if action in ADDRESSED:
            body = ADDRESSED[action](body_of(request, self._limits.body_bytes))
            operation = Operation(operation.action, body.model, body.version, body.alias)
        exchange = (EventStream if action == "generate_stream" else HttpExchange)(
            key, operation.model, operation.version, operation.alias, request.id.decode("ascii"), request.size, began
        )
        exchange.http, exchange.action, exchange.dialect = request, action, self._dialects[action]
        exchange.most_bytes = self._limits.body_bytes
        if body is not None:
            exchange.asked = body
        if b"x-request-timeout" in fields:
            exchange.timeout_s = _asked_s(fields[b"x-request-timeout"])
        self.pipeline.run(exchange)
        if body is not None:
            exchange.asked = None  # no more than its tensors is kept while it is under way
        return exchange


def _asked_s(header: bytes) -> float:
    """Seconds that the header x-request-timeout allows."""
    try:
        seconds = float(header)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise InvalidArgument("x-request-timeout must be a number of seconds above 0 and below 1e9")
    return seconds
