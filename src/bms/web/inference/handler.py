"""The handlers of inference requests over HTTP: each makes an exchange of a request and runs the pipeline."""

import logging
from collections.abc import Mapping
from time import perf_counter
from types import MappingProxyType

from bms.core.errors import BmsError, Internal, InvalidArgument
from bms.core.serving.snapshot import KeyEntry
from bms.serving.pipeline.pipeline import Pipeline
from bms.web.inference.dialect import Addressed, AddressedDialect, Dialect, StreamingDialect
from bms.web.inference.dialects import DIALECTS
from bms.web.inference.event_stream import EventStream
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import HttpRequest
from bms.web.inference.http.whole_body import WholeBodyHandler
from bms.web.inference.http_exchange import HttpExchange, body_of
from bms.web.inference.paths import Operation

log = logging.getLogger(__name__)


class HttpHandler(WholeBodyHandler):
    """The base of handlers that ask a model: one exchange for each request."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def ask(self, request: HttpRequest, began: float) -> HttpExchange:
        """Makes the exchange of a request whose body is there, and runs it. Raises BmsError where it is refused."""
        raise NotImplementedError

    def open(self, request: HttpRequest) -> None:
        """Authenticates and admits by the head alone, since refusing before the body comes is cheapest."""
        request.caller = self.pipeline.admit(request.head)

    def start(self, request: HttpRequest) -> None:
        began = perf_counter()
        try:
            request.state = self.ask(request, began)
            request.chunks.clear()
        except BmsError as error:
            self._refuse(request, error)
        except Exception:
            log.exception("request %s could not be dispatched", request.id.decode("ascii"))
            self._refuse(request, Internal("this request met a defect of ours: tell the operator its x-request-id"))

    def cancel(self, request: HttpRequest) -> None:
        if isinstance(request.state, HttpExchange):
            request.state.cancel()

    def _refuse(self, request: HttpRequest, error: BmsError) -> None:
        self.pipeline.metrics.direct(error.http_status)
        request.connection.respond_error(request, error)


class InferenceHandler(HttpHandler):
    """The handler of all paths whose action has a dialect."""

    def __init__(
        self, pipeline: Pipeline, limits: HttpLimits, dialects: Mapping[str, Dialect] = MappingProxyType(DIALECTS)
    ) -> None:
        super().__init__(pipeline)
        self._dialects = dialects
        self._addressed = {name: one for name, one in dialects.items() if isinstance(one, AddressedDialect)}
        self._streaming = frozenset(name for name, one in dialects.items() if isinstance(one, StreamingDialect))
        self._limits = limits

    def ask(self, request: HttpRequest, began: float) -> HttpExchange:
        operation, key, fields = request.head.operation, request.caller, request.head.fields
        assert isinstance(operation, Operation)
        assert isinstance(key, KeyEntry)
        action = operation.action or ""
        body: Addressed | None = None
        if action in self._addressed:
            body = self._addressed[action].read(body_of(request, self._limits.body_bytes))
            operation = Operation(operation.action, body.model, body.version, body.alias)
        exchange = (EventStream if action in self._streaming else HttpExchange)(
            key, operation.model, operation.version, operation.alias, request.id.decode("ascii"), request.size, began
        )
        exchange.http, exchange.action, exchange.dialect = request, action, self._dialects[action]
        exchange.most_bytes = self._limits.body_bytes
        if body is not None:
            exchange.parsed_body = body
        if b"x-request-timeout" in fields:
            exchange.timeout_s = _timeout_s(fields[b"x-request-timeout"])
        self.pipeline.run(exchange)
        if body is not None:
            exchange.parsed_body = None  # no more than its tensors is kept while it is under way
        return exchange


def _timeout_s(header: bytes) -> float:
    """Parses the header x-request-timeout, in seconds."""
    try:
        seconds = float(header)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise InvalidArgument("x-request-timeout must be a number of seconds above 0 and below 1e9")
    return seconds
