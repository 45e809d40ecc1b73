"""One dispatched inference request: what its client is owed, and what the books are."""

import logging
from time import perf_counter
from typing import TYPE_CHECKING

from bms.core.errors import BmsError, Cancelled, Internal, Unimplemented
from bms.core.inference import InferResponse
from bms.core.snapshot import KeyEntry
from bms.core.tensor import Tensor
from bms.protocols import oip, tfserving
from bms.protocols.frames import AnswerMeta
from bms.protocols.oip import encode_infer
from bms.protocols.tfserving import encode_predict
from bms.protocols.tfserving_examples import encode_classify, encode_regress
from bms.serving.traffic.dispatcher import Call
from bms.serving.traffic.metering import Usage
from bms.web.inference.answers import JSON, error_headers, plain_error
from bms.web.inference.paths import Action
from bms.web.inference.request import Request

if TYPE_CHECKING:
    from bms.web.inference.door import InferenceDoor

log = logging.getLogger(__name__)
_BINARY = b"application/octet-stream"


class Exchange:
    """Listens to one call and ends in exactly one answer and one usage event."""

    __slots__ = ("_began", "_decoded", "_done", "_door", "_key", "_parsed", "_request", "_size", "action", "call")

    def __init__(
        self,
        door: "InferenceDoor",
        request: Request,
        key: KeyEntry,
        action: Action,
        decoded: tfserving.Decoded | oip.Decoded,
        size: int,
        began: float,
    ) -> None:
        self._door = door
        self._request = request
        self._key = key
        self.action = action
        self._decoded = decoded
        self._size = size
        self._began = began
        self._parsed = perf_counter()
        self._done = False
        self.call: Call | None = None

    def answered(self, call: Call, meta: AnswerMeta, tensors: list[Tensor]) -> None:
        if not meta.final:
            self._door.dispatcher.cancel(call)
            self.failed(call, Unimplemented("this model answers in a stream, which this protocol has no form for"))
            return
        came = perf_counter()
        try:
            body, content_type, headers = self._encode(call, tensors)
        except BmsError as error:
            self._end(call, error.http_status, plain_error(error), error_headers(error), meta.compute_ns)
            return
        except (TypeError, ValueError, KeyError, IndexError):
            log.exception("the answer of version %d of %s cannot be encoded", call.version.number, call.route.entry.id)
            unfit = Internal("the model's answer does not fit its signature: tell whoever deployed it")
            self._end(call, unfit.http_status, plain_error(unfit), b"", meta.compute_ns)
            return
        stages = self._door.metrics.stages
        now = perf_counter()
        queue, compute = meta.queue_ns * 1e-9, meta.compute_ns * 1e-9
        stages["parse"].observe(self._parsed - self._began)
        stages["queue"].observe(queue)
        stages["compute"].observe(compute)
        stages["dispatch"].observe(came - self._parsed - queue - compute)
        stages["encode"].observe(now - came)
        stages["total"].observe(now - self._began)
        self._end(call, 200, body, headers, meta.compute_ns, content_type)

    def failed(self, call: Call, error: BmsError) -> None:
        self._end(call, error.http_status, plain_error(error), error_headers(error), 0)

    def cancel(self) -> None:
        """The client is gone: what it began is billed as it stands, and nobody is answered."""
        if self._done or self.call is None:
            return
        self._door.dispatcher.cancel(self.call)
        self._end(self.call, Cancelled.http_status, b"", b"", 0, gone=True)

    def _encode(self, call: Call, tensors: list[Tensor]) -> tuple[bytes, bytes, bytes]:
        """Body, content type and header lines."""
        decoded = self._decoded
        response = InferResponse(
            model=call.route.entry.name, version=call.version.number, outputs=tensors, id=call.request.id
        )
        if isinstance(decoded, oip.Decoded):
            body, length = encode_infer(response, decoded)
            if length is None:
                return body, JSON, b""
            return body, _BINARY, b"inference-header-content-length: %d\r\n" % length
        if self.action == "predict":
            return encode_predict(response, decoded.row_form), JSON, b""
        if self.action == "classify":
            signature = call.version.signatures[call.request.signature or ""]
            return encode_classify(response, signature), JSON, b""
        return encode_regress(response), JSON, b""

    def _end(
        self,
        call: Call,
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
        door, entry, number = self._door, call.route.entry, call.version.number
        door.admission.leave(entry)
        door.metrics.answered(entry.id, number, status)
        usage = Usage(
            door.unix_ns(),
            entry.tenant,
            self._key.id,
            entry.id,
            entry.model,
            number,
            self._request.id.decode("ascii"),
            status,
            self._decoded.rows,
            self._size,
            len(body),
            compute_ns,
        )
        self._request.state = self.call = None  # no cycle is left for the collector
        door.turn.add(usage, None if gone else self._request, status, body, headers, content_type)
