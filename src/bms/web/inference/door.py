"""Inference over HTTP: from a head to an exchange, and from the exchange's end to the answer."""

import logging
from time import perf_counter
from typing import Any

from bms.core.errors import BmsError, Internal, InvalidArgument
from bms.core.snapshot import KeyEntry
from bms.protocols.openai_vocabulary import Vocabulary
from bms.serving.traffic.snapshot_index import SnapshotIndex
from bms.web.inference.compression import inflate
from bms.web.inference.desk import Desk
from bms.web.inference.dialects import ADDRESSED, DIALECTS, KSERVE_PREDICT, OpenAiEmbeddings
from bms.web.inference.event_stream import EventStream
from bms.web.inference.http_exchange import HttpExchange
from bms.web.inference.limits import HttpLimits
from bms.web.inference.paths import Operation
from bms.web.inference.request import Request

log = logging.getLogger(__name__)
_PARAMETERS = frozenset({"params", "parameters"})  # members that mean something to whoever sends them


class Known:
    """What a head is known to mean for as long as the index is the same."""

    __slots__ = ("index", "key")

    def __init__(self, index: SnapshotIndex, key: KeyEntry) -> None:
        self.index = index
        self.key = key


class InferenceDoor:
    """Handles requests whose action is in DIALECTS."""

    whole_body = True

    def __init__(self, desk: Desk, limits: HttpLimits, vocabulary: Vocabulary | None = None) -> None:
        """`vocabulary` says what token ids of OpenAI's clients mean."""
        self._dialects = {**DIALECTS, "embeddings": OpenAiEmbeddings(vocabulary)}
        self._desk = desk
        self._limits = limits

    def open(self, request: Request) -> None:
        """Refuses by the head alone what can be: overload and strangers are cheapest turned away here."""
        head, desk = request.head, self._desk
        index, known = desk.index(), head.memory
        if not isinstance(known, Known) or known.index is not index:
            fields = head.fields
            key = desk.authenticate(fields.get(b"authorization"), fields.get(b"x-api-key"))
            head.memory = known = Known(index, key)
        request.caller = key = known.key
        if key.rate_per_s is not None or key.expires_at is not None:
            desk.take(key)

    def start(self, request: Request) -> None:
        began = perf_counter()
        try:
            self._dispatch(request, began)
        except BmsError as error:
            self._refuse(request, error)
        except Exception:
            log.exception("request %s could not be dispatched", request.id.decode("ascii"))
            self._refuse(request, Internal("this request met a defect of ours: tell the operator its x-request-id"))

    def body(self, request: Request, chunk: bytes | memoryview) -> None:
        raise AssertionError("a whole body has no more")

    def end(self, request: Request) -> None:
        raise AssertionError("a whole body has no more")

    def cancel(self, request: Request) -> None:
        if isinstance(request.state, HttpExchange):
            request.state.cancel()

    def writable(self, request: Request, yes: bool) -> None:
        """Nothing to do: an answer is written in one piece."""

    def _refuse(self, request: Request, error: BmsError) -> None:
        self._desk.metrics.direct(error.http_status)
        request.connection.respond_error(request, error)

    def _dispatch(self, request: Request, began: float) -> None:
        operation, key, desk, fields = request.head.operation, request.caller, self._desk, request.head.fields
        assert isinstance(operation, Operation)
        assert isinstance(key, KeyEntry)
        action = operation.action or ""
        dialect = self._dialects[action]
        body: Any = None
        if action in ADDRESSED:
            body = ADDRESSED[action](self._body(request))
            operation = Operation(operation.action, body.model, body.version, body.alias)
        route, version = desk.route(key, operation.model, operation.version, operation.alias)
        if action == "predict" and route.entry.dialect == "kserve":
            dialect = KSERVE_PREDICT
        decoded = dialect.decode(body or self._body(request), fields, operation.model, version.signatures)
        infer = decoded.request
        if infer.sequence is not None and operation.version is None and operation.alias is None:
            other = desk.sequence_version(route, version, infer.sequence)
            if other is not version:
                version = other
                decoded = dialect.decode(body or self._body(request), fields, operation.model, version.signatures)
                infer = decoded.request
        infer.version, infer.alias = operation.version, operation.alias
        if infer.ignored:
            desk.metrics.ignored(action, infer.ignored)
            if not _PARAMETERS.isdisjoint(infer.ignored):
                infer.notes = (*infer.notes, f"{action} takes no parameters: those of this body were not read")
        if infer.timeout_s is None and b"x-request-timeout" not in fields:
            deadline = desk.monotonic() + route.entry.timeout_s
        else:
            deadline = desk.deadline(route, infer.timeout_s, _asked_s(fields))
        exchange = (EventStream if action == "generate_stream" else HttpExchange)(
            desk,
            key,
            infer,
            decoded.rows,
            route,
            version,
            deadline,
            request.id.decode("ascii"),
            request.size,
            began,
        )
        exchange.http, exchange.dialect, exchange.decoded = request, dialect, decoded
        exchange.send()
        request.state = exchange
        request.chunks.clear()

    def _body(self, request: Request) -> bytes | memoryview:
        body, coding = request.body(), request.head.fields.get(b"content-encoding")
        return body if coding is None else inflate(body, coding, self._limits.body_bytes)


def _asked_s(fields: dict[bytes, bytes]) -> float | None:
    """Seconds that the header x-request-timeout allows."""
    header = fields.get(b"x-request-timeout")
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise InvalidArgument("x-request-timeout must be a number of seconds above 0")
    return seconds
