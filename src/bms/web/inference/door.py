"""Inference requests from the head to the hand-over to a replica: who, how fast, which version, what."""

import logging
from collections.abc import Callable
from time import perf_counter

from bms.core.errors import BmsError, Internal, InvalidArgument
from bms.core.inference import Verb
from bms.core.snapshot import KeyEntry, ServedVersion
from bms.protocols import oip, tfserving
from bms.protocols.oip import decode_infer
from bms.protocols.tfserving import decode_image, decode_predict
from bms.protocols.tfserving_examples import decode_examples
from bms.serving.traffic.admission import Admission
from bms.serving.traffic.dispatcher import Dispatcher
from bms.serving.traffic.keys import KeyCheck
from bms.serving.traffic.rate import RateLimits
from bms.serving.traffic.snapshot_index import SnapshotIndex
from bms.serving.traffic.split import choose_version, find_route
from bms.web.inference.compression import inflate
from bms.web.inference.exchange import Exchange, Settlement
from bms.web.inference.limits import HttpLimits
from bms.web.inference.metrics import Metrics
from bms.web.inference.paths import Operation
from bms.web.inference.request import Request
from bms.web.inference.turn import Turn

log = logging.getLogger(__name__)
_IMAGES = (b"image/png", b"image/jpeg")


class InferenceDoor:
    """Handles `:predict`, `:classify`, `:regress` and `/infer`."""

    whole_body = True

    def __init__(
        self,
        *,
        index: Callable[[], SnapshotIndex],
        dispatcher: Dispatcher,
        turn: Turn,
        metrics: Metrics,
        limits: HttpLimits,
        monotonic: Callable[[], float],
        unix_ns: Callable[[], int],
        random: Callable[[], float],
    ) -> None:
        self._index = index
        self._dispatcher = dispatcher
        self._metrics = metrics
        self.admission = Admission()
        self._settlement = Settlement(self.admission, metrics, turn, unix_ns)
        self.rates = RateLimits()
        self._keys = KeyCheck()
        self._limits = limits
        self._monotonic = monotonic
        self._unix_ns = unix_ns
        self._random = random

    def authenticate(self, request: Request) -> KeyEntry:
        """The key a request comes with. Raises Unauthenticated or PermissionDenied."""
        fields = request.fields
        return self._keys.check(self._index(), fields.get(b"authorization"), fields.get(b"x-api-key"), self._unix_ns())

    def open(self, request: Request) -> None:
        """Refuses by the head alone what can be: overload and strangers are cheapest turned away here."""
        key = self.authenticate(request)
        self.rates.take(key, self._monotonic())
        request.caller = key

    def start(self, request: Request) -> None:
        began = perf_counter()
        try:
            self._dispatch(request, began)
        except BmsError as error:
            self._refuse(request, error)
        except Exception:
            log.exception("request %s could not be dispatched", request.id.decode("ascii"))
            self._refuse(request, Internal("this request met a defect of ours: tell the operator its x-request-id"))

    def body(self, request: Request, chunk: bytes) -> None:
        raise AssertionError("a whole body has no more")

    def end(self, request: Request) -> None:
        raise AssertionError("a whole body has no more")

    def cancel(self, request: Request) -> None:
        if isinstance(request.state, Exchange):
            request.state.cancel()

    def writable(self, request: Request, yes: bool) -> None:
        """Nothing to do: an answer is written in one piece."""

    def _refuse(self, request: Request, error: BmsError) -> None:
        self._metrics.direct(error.http_status)
        request.connection.respond_error(request, error)

    def _dispatch(self, request: Request, began: float) -> None:
        operation, key = request.operation, request.caller
        assert isinstance(operation, Operation)
        assert isinstance(key, KeyEntry)
        route = find_route(self._index(), key.tenant, operation.model)
        version = choose_version(route, operation.version, operation.alias, self._random())
        decoded = self._decode(request, operation, version)
        infer, entry = decoded.request, route.entry
        infer.version, infer.alias = operation.version, operation.alias
        timeout = entry.timeout_s
        if infer.timeout_s is not None or b"x-request-timeout" in request.fields:
            timeout = self._timeout(request, infer.timeout_s, timeout)
        exchange = Exchange(
            self._dispatcher,
            self._settlement,
            request,
            key,
            operation.action,
            decoded,
            route,
            version,
            self._monotonic() + timeout,
            began,
        )
        self.admission.enter(entry)
        try:
            self._dispatcher.send(exchange)
        except Exception:
            self.admission.leave(entry)
            raise
        request.state = exchange
        request.chunks.clear()

    def _decode(
        self, request: Request, operation: Operation, version: ServedVersion
    ) -> tfserving.Decoded | oip.Decoded:
        fields, signatures, body = request.fields, version.signatures, request.body()
        encoding = fields.get(b"content-encoding")
        if encoding is not None:
            body = inflate(body, encoding, self._limits.body_bytes)
        if operation.action == "infer":
            length = fields.get(b"inference-header-content-length")
            if length is not None and not (length.isdigit() and len(length) <= 18):
                raise InvalidArgument("Inference-Header-Content-Length must be a number of bytes")
            return decode_infer(body, None if length is None else int(length), operation.model, signatures)
        verb: Verb = operation.action  # type: ignore[assignment]
        kind = fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind in _IMAGES and verb != "regress":
            return decode_image(body, operation.model, signatures, verb)
        if verb == "predict":
            return decode_predict(body, operation.model, signatures)
        return decode_examples(body, operation.model, signatures, verb)

    def _timeout(self, request: Request, asked: float | None, most: float) -> float:
        """Seconds: the least of what the deployment allows, the body asks and the header x-request-timeout asks."""
        header = request.fields.get(b"x-request-timeout")
        if header is not None:
            try:
                seconds = float(header)
            except ValueError:
                seconds = 0.0
            if not 0 < seconds < 1e9:
                raise InvalidArgument("x-request-timeout must be a number of seconds above 0")
            most = min(most, seconds)
        return most if asked is None else min(most, asked)
