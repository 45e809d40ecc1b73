"""One dispatched inference request: what its client is owed, and what the books are."""

import logging
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from bms.core.errors import BmsError, Cancelled, Internal, Unimplemented
from bms.core.inference import InferResponse
from bms.core.snapshot import KeyEntry, ServedVersion
from bms.core.tensor import Tensor
from bms.protocols import oip, tfserving
from bms.protocols.frames import AnswerMeta
from bms.protocols.oip import encode_infer
from bms.protocols.tfserving import encode_predict
from bms.protocols.tfserving_examples import encode_classify, encode_regress
from bms.serving.traffic.admission import Admission
from bms.serving.traffic.dispatcher import Call, Dispatcher
from bms.serving.traffic.snapshot_index import Route
from bms.web.inference.answers import JSON, error_headers, plain_error
from bms.web.inference.metrics import Metrics
from bms.web.inference.paths import Action
from bms.web.inference.request import Request
from bms.web.inference.turn import Turn

log = logging.getLogger(__name__)
_BINARY = b"application/octet-stream"


class Settlement(NamedTuple):
    """Where an exchange ends: what it held is freed, counted, booked and answered. `unix_ns` is the time now."""

    admission: Admission
    metrics: Metrics
    turn: Turn
    unix_ns: Callable[[], int]


class Exchange(Call):
    """A call from HTTP. It ends in exactly one answer and one usage event."""

    _done = False

    def __init__(
        self,
        dispatcher: Dispatcher,
        settlement: Settlement,
        http: Request,
        key: KeyEntry,
        action: Action | None,
        decoded: tfserving.Decoded | oip.Decoded,
        route: Route,
        version: ServedVersion,
        deadline: float,
        began: float,
    ) -> None:
        super().__init__(dispatcher, decoded.request, route, version, deadline)
        self._settlement = settlement
        self._http = http
        self._key = key
        self._action = action
        self._decoded = decoded
        self._began = began
        self._parsed = perf_counter()

    def answered(self, meta: AnswerMeta, tensors: list[Tensor]) -> None:
        if not meta.final:
            self.dispatcher.cancel(self)
            self.failed(Unimplemented("this model answers in a stream, which this protocol has no form for"))
            return
        came = perf_counter()
        try:
            body, content_type, headers = self._encode(tensors)
        except BmsError as error:
            self._end(error.http_status, plain_error(error), error_headers(error), meta.compute_ns)
            return
        except (TypeError, ValueError, KeyError, IndexError):
            log.exception("the answer of version %d of %s cannot be encoded", self.version.number, self.route.entry.id)
            unfit = Internal("the model's answer does not fit its signature: tell whoever deployed it")
            self._end(unfit.http_status, plain_error(unfit), b"", meta.compute_ns)
            return
        now = perf_counter()
        queue, compute = meta.queue_ns * 1e-9, meta.compute_ns * 1e-9
        parsed, began = self._parsed, self._began
        self._settlement.metrics.stages.observe(
            (parsed - began, queue, compute, came - parsed - queue - compute, now - came, now - began)
        )
        self._end(200, body, headers, meta.compute_ns, content_type)

    def failed(self, error: BmsError) -> None:
        self._end(error.http_status, plain_error(error), error_headers(error), 0)

    def cancel(self) -> None:
        """The client is gone: what it began is billed as it stands, and nobody is answered."""
        if self._done:
            return
        self.dispatcher.cancel(self)
        self._end(Cancelled.http_status, b"", b"", 0, gone=True)

    def _encode(self, tensors: list[Tensor]) -> tuple[bytes, bytes, bytes]:
        """Body, content type and header lines."""
        decoded, request = self._decoded, self.request
        response = InferResponse(
            model=self.route.entry.name, version=self.version.number, outputs=tensors, id=request.id
        )
        if isinstance(decoded, oip.Decoded):
            body, length = encode_infer(response, decoded)
            if length is None:
                return body, JSON, b""
            return body, _BINARY, b"inference-header-content-length: %d\r\n" % length
        if self._action == "predict":
            return encode_predict(response, decoded.row_form), JSON, b""
        if self._action == "classify":
            return encode_classify(response, self.version.signatures[request.signature or ""]), JSON, b""
        return encode_regress(response), JSON, b""

    def _end(
        self,
        status: int,
        body: bytes,
        headers: bytes,
        compute_ns: int,
        content_type: bytes = JSON,
        *,
        gone: bool = False,
    ) -> None:
        if self._done:
            return
        self._done = True
        http, entry, number = self._http, self.route.entry, self.version.number
        admission, metrics, turn, unix_ns = self._settlement
        http.state = None  # no cycle is left for the collector
        admission.leave(entry)
        metrics.answered(entry.id, number, status)
        usage = (
            unix_ns(),
            entry.tenant,
            self._key.id,
            entry.id,
            entry.model,
            number,
            http.id.decode("ascii"),
            status,
            self._decoded.rows,
            http.size,
            len(body),
            compute_ns,
        )
        turn.add(usage, None if gone else http, status, body, headers, content_type)
