"""One dispatched inference request: what its client is owed, and what the books are."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from time import perf_counter

from bms.core.errors import BmsError, Cancelled, Internal, Unimplemented
from bms.core.inference import InferRequest
from bms.core.model_config import check_rows
from bms.core.snapshot import KeyEntry, ServedVersion
from bms.core.tensor import Tensor
from bms.core.usage import Quantities
from bms.protocols.frames import AnswerMeta
from bms.serving.traffic.dispatcher import Call
from bms.serving.traffic.metering import Usage
from bms.serving.traffic.snapshot_index import Route
from bms.web.inference.desk import Desk
from bms.web.inference.token_counts import added, told_tokens
from bms.web.inference.turn import Answer

log = logging.getLogger(__name__)
_NOTHING = AnswerMeta(True, 0, 0, ())
_IN_A_STREAM = (
    "this call doesn't support models with decoupled transaction policy, and this model answers in a stream: ask by "
    "/v2/models/NAME/generate_stream, by ModelStreamInfer over gRPC, by `predict_stream` of the SDK, or by "
    "`bms predict NAME --stream`"
)


class Exchange(Call):
    """Ends in exactly one answer and one usage event. A protocol says how it is encoded and given:

    `encode` makes the answer and `deliver` gives it, once the books are written; `deliver_error` says why there is
    none. A protocol that can stream sets `streams` and gives every part by `part`; its last answer is empty.
    """

    streams = False
    _done = False
    _sent = 0  # bytes of the parts of a stream
    _more: Quantities = ()  # of meters that not every request has

    def __init__(
        self,
        desk: Desk,
        key: KeyEntry,
        request: InferRequest,
        rows: int,
        route: Route,
        version: ServedVersion,
        deadline: float,
        id: str,
        bytes_in: int,
        began: float,
    ) -> None:
        """`id` is the request's in the books, `began` the `perf_counter` at its start."""
        super().__init__(desk.dispatcher, request, rows, route, version, deadline)
        self.desk = desk
        self.key = key
        self._id = id
        self._bytes_in = bytes_in
        self._began = began
        self._parsed = perf_counter()

    @abstractmethod
    def encode(self, outputs: Sequence[Tensor]) -> Answer:
        """Raises BmsError where the outputs cannot be carried by what the client asked for."""

    @abstractmethod
    def deliver(self, answer: Answer) -> None: ...

    @abstractmethod
    def deliver_error(self, error: BmsError) -> None: ...

    def part(self, outputs: Sequence[Tensor]) -> int:
        """Gives one part of a stream at once; its bytes."""
        raise NotImplementedError

    def send(self) -> None:
        """Admits and dispatches it. Raises ResourceExhausted, Unavailable, or InvalidArgument for more rows than the
        version takes; then nothing was begun or booked."""
        admission, entry = self.desk.admission, self.route.entry
        if self.rows > 1:
            check_rows(self.version.signatures[self.request.signature or ""], self.rows, entry.name)
        admission.enter(entry)
        try:
            self.dispatcher.send(self)
        except Exception:
            admission.leave(entry)
            raise

    def answered(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> None:
        if not meta.final or (self.streams and not tensors):
            self._streamed(meta, tensors)
            return
        came = perf_counter()
        try:
            answer = self.encode(tensors)
        except BmsError as error:
            self._fail(error, meta.compute_ns)
            return
        except (TypeError, ValueError, KeyError, IndexError, ArithmeticError):
            log.exception("the answer of version %d of %s cannot be encoded", self.version.number, self.route.entry.id)
            unfit = Internal("the model's answer does not fit its signature: tell whoever deployed it")
            self._fail(unfit, meta.compute_ns)
            return
        if answer.more:
            self._more = answer.more
        now = perf_counter()
        queue, compute = meta.queue_ns * 1e-9, meta.compute_ns * 1e-9
        parsed, began = self._parsed, self._began
        self.desk.metrics.stages.observe(
            (parsed - began, queue, compute, came - parsed - queue - compute, now - came, now - began)
        )
        self._end(200, len(answer.body), meta, answer)

    def failed(self, error: BmsError, compute_ns: int = 0) -> None:
        self._fail(error, compute_ns)

    def cancel(self) -> None:
        """The client is gone: what it began is billed as it stands, and nobody is answered."""
        if not self._done:
            self.dispatcher.cancel(self)
            self._end(Cancelled.http_status, self._sent, _NOTHING, None)

    def _streamed(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> None:
        if not self.streams:
            self.dispatcher.cancel(self)
            self.failed(Unimplemented(_IN_A_STREAM))
        elif meta.final:
            self._end(200, self._sent, meta, Answer(b""))
        elif not self._done:
            try:
                self._sent += self.part(tensors)
                self._more = added(self._more, told_tokens(tensors))
            except BmsError as error:
                self.dispatcher.cancel(self)
                self.failed(error)

    def _fail(self, error: BmsError, compute_ns: int) -> None:
        self._end(error.http_status, self._sent, AnswerMeta(True, 0, compute_ns, ()), error)

    def _end(self, status: int, bytes_out: int, meta: AnswerMeta, answer: Answer | BmsError | None) -> None:
        if self._done:
            return
        self._done = True
        desk, entry, number = self.desk, self.route.entry, self.version.number
        desk.admission.leave(entry)
        now, took = desk.unix_ns(), perf_counter() - self._began
        refused = isinstance(answer, BmsError) and not (meta.compute_ns or self._sent)  # none of its rows ran
        desk.metrics.answered(entry, number, status, self.rows, meta, now, took)
        total_ns = int(took * 1e9)
        usage: Usage = (
            now,
            entry.tenant,
            self.key.id,
            entry.id,
            entry.model,
            number,
            self._id,
            status,
            0 if refused else self.rows,
            self._bytes_in,
            bytes_out,
            min(meta.compute_ns, total_ns),  # the model server's word for it, as far as it can be true
            min(meta.queue_ns, total_ns),
            total_ns,
            entry.revision,
        )
        desk.turn.add((*usage, self._more) if self._more else usage, self, answer)
