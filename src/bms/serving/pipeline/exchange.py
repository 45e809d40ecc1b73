"""One inference request and its answer, between a protocol's handler and the pipeline: how it is sent, answered and
metered."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import ParamSpec, TypeVar

from bms.core.errors import (
    BmsError,
    Cancelled,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    Unimplemented,
)
from bms.core.serving.model_config import check_rows
from bms.core.serving.snapshot import DeploymentEntry, ServedVersion
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerEnd, AnswerMeta
from bms.serving.pipeline.collected_answer import CollectedAnswer
from bms.serving.pipeline.context import RequestContext
from bms.serving.pipeline.metrics import GatewayMetrics
from bms.serving.pipeline.step import PipelineStep
from bms.serving.pipeline.token_counts import added, corrected, counted, reported_tokens
from bms.serving.pipeline.write_batch import ExchangeAnswer, WriteBatch
from bms.serving.traffic.admission import Admission
from bms.serving.traffic.dispatcher import ReplicaDispatcher
from bms.serving.traffic.metering import Usage
from bms.serving.traffic.snapshot_index import DeploymentRoute

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
ANSWERED_HERE = AnswerMeta(True, 0, 0, ())  # by no model
IN_A_STREAM = (
    "this call doesn't support models with decoupled transaction policy, and this model answers in a stream: ask by "
    "/v2/models/NAME/generate_stream, by ModelStreamInfer over gRPC, by `predict_stream` of the SDK, or by "
    "`bms predict NAME --stream`"
)


class GatewayContext:
    """What all requests of one gateway share."""

    __slots__ = ("admission", "dispatcher", "metrics", "unix_ns", "write_batch")

    def __init__(
        self,
        dispatcher: ReplicaDispatcher,
        admission: Admission,
        write_batch: WriteBatch,
        metrics: GatewayMetrics,
        unix_ns: Callable[[], int],
    ) -> None:
        self.dispatcher = dispatcher
        self.admission = admission
        self.write_batch = write_batch
        self.metrics = metrics
        self.unix_ns = unix_ns


class Exchange(RequestContext):
    """One request and its answer, whole or in parts. A handler's subclass says how the body is decoded (`decode`), and
    how an answer is encoded and sent:

    `encode` makes the answer and `deliver` sends it, once its usage is in the journal; `deliver_error` says why there
    is none. A protocol that can stream sets `streams`, for all its requests or in `decode`; then parts are encoded by
    `encode_part` and given at once by `send_part`, and the answer that is delivered at last is what `encode_end` says.
    Where parts come though one whole answer is wanted, a protocol that `gathers` puts them together. Once it was sent
    it ends in exactly one answer and one usage event.
    """

    shared: GatewayContext
    parsed: float  # the `perf_counter` when all was known to send it
    streams = False
    gathers = False  # whether parts are put together where one whole answer is wanted
    finish = ""  # why there is no more of its answer, where an engine says so
    steps: tuple[PipelineStep, ...] = ()  # of its deployment
    _done = False
    _parts: CollectedAnswer | None = None
    _sent = 0  # bytes of the parts of a stream
    _admitted: DeploymentEntry | None = None  # in flight there
    _passed: Sequence[PipelineStep] = ()  # who is owed an `ended`
    _elsewhere: Iterator[PipelineStep] = iter(())  # who was not asked for another place yet

    @abstractmethod
    def encode(self, outputs: Sequence[Tensor]) -> ExchangeAnswer:
        """Encodes a whole answer. Raises BmsError where the outputs can't be carried by what the client asked for."""

    @abstractmethod
    def deliver(self, answer: ExchangeAnswer) -> None: ...

    @abstractmethod
    def deliver_error(self, error: BmsError) -> None: ...

    def encode_part(self, outputs: Sequence[Tensor]) -> bytes:
        """Encodes one part of a stream. Raises BmsError for outputs that it can't carry."""
        raise NotImplementedError

    def send_part(self, part: bytes) -> None:
        """Sends a part at once. Raises ResourceExhausted where the client takes what is sent too slowly."""
        raise NotImplementedError

    def gather(self, parts: Sequence[Sequence[Tensor]]) -> Sequence[Tensor]:
        """Puts parts together into the outputs that `encode` takes. Raises BmsError."""
        raise NotImplementedError

    def encode_end(self) -> bytes:
        """Encodes what follows the last part of a stream that ended well; empty: nothing."""
        return b""

    # --- the way there ---

    def enter(self, steps: tuple[PipelineStep, ...]) -> None:
        """Asks the deployment's steps to admit the request. Raises the error of the first that refuses."""
        passed: list[PipelineStep] = []
        self.steps, self._passed, self._elsewhere = steps, passed, iter(steps)
        for step in steps:
            step.admit(self)
            passed.append(step)

    def send(self) -> None:
        """Answers the request by a step, or else counts it in flight and sends it to a replica or a fallback. Raises
        ResourceExhausted, Unavailable, Aborted, or InvalidArgument for more rows than the version takes; then nothing
        was begun or booked."""
        shared, entry, steps = self.shared, self.route.entry, self.steps
        try:
            for step in steps:
                outputs = step.answer(self)
                if outputs is not None:
                    self.answered(ANSWERED_HERE, outputs)
                    return
            if self.rows > 1:
                check_rows(self.version.signatures[self.request.signature or ""], self.rows, entry.name)
            shared.admission.enter(entry)
            self._admitted = entry
            shared.dispatcher.send(self)
        except Exception as error:
            self._leave()
            if not (steps and isinstance(error, BmsError) and self._fallen_back(error)):
                raise
            return
        for step in steps:
            _safely(step.sent, self)

    def drop(self, error: Exception) -> None:
        """Tells the steps that the request is not sent; nobody else needs to know."""
        if self._passed:
            self._leave_steps(error.http_status if isinstance(error, BmsError) else Internal.http_status)

    # --- the way back ---

    def answered(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> None:
        if self.steps and meta is not ANSWERED_HERE:
            for step in self.steps:
                _safely(step.answered, self, meta, tensors)
        if not meta.final or ((self.streams or self.gathers) and not tensors):
            whole = self._streamed(meta, tensors)
            if whole is None:
                return
            tensors = whole
        came = perf_counter()
        if meta.end is not None:
            self._ended_with(meta.end)
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
            self.more = corrected(answer.more, self.more) if self.more else answer.more
        now = perf_counter()
        queue, compute = meta.queue_ns * 1e-9, meta.compute_ns * 1e-9
        parsed, began = self.parsed, self.began
        self.shared.metrics.stages.observe(
            (parsed - began, queue, compute, came - parsed - queue - compute, now - came, now - began)
        )
        self._end(200, len(answer.body), meta, answer)

    def failed(self, error: BmsError, compute_ns: int = 0) -> None:
        self._leave()
        if not (self.steps and self._fallen_back(error)):
            self._fail(error, compute_ns)

    def cancel(self) -> None:
        """Cancels the request because the client is gone: what it has cost is metered, and nothing is sent."""
        if not self._done:
            self.shared.dispatcher.cancel(self)
            self._end(Cancelled.http_status, self._sent, ANSWERED_HERE, None)

    # --- parts ---

    def _streamed(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> Sequence[Tensor] | None:
        """Takes one part, or the end of all; returns what was collected, where one whole answer is wanted."""
        try:
            if not self.streams:
                return self._gathered(meta, tensors)
            self._take_part(meta, tensors)
        except BmsError as error:
            self.shared.dispatcher.cancel(self)
            self._fail(error, 0)
        return None

    def _gathered(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> Sequence[Tensor] | None:
        if not self.gathers:
            raise Unimplemented(IN_A_STREAM)
        if self._parts is None:
            self._parts = CollectedAnswer()
        if meta.final:
            return self.gather(self._parts.parts)
        self._parts.add(tensors)
        self.more = added(self.more, reported_tokens(tensors))
        return None

    def _take_part(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> None:
        if meta.final:
            if meta.end is not None:
                self._ended_with(meta.end)
            end = self.encode_end()
            self._end(200, self._sent + len(end), meta, ExchangeAnswer(end))
        elif not self._done:
            part = self.encode_part(tensors)
            self.send_part(part)
            self._sent += len(part)
            self.more = added(self.more, reported_tokens(tensors))

    def _ended_with(self, end: AnswerEnd) -> None:
        """Replaces the counts of parts by those of the engine."""
        self.finish, self.more = end.finish, corrected(self.more, counted(end))

    def _fallen_back(self, error: BmsError) -> bool:
        """Sends the request to a fallback that one of its steps names; whether that worked."""
        if self.begun or self.pinned or isinstance(error, DeadlineExceeded | InvalidArgument):
            return False
        before = self.route, self.version, self.tried
        for step in self._elsewhere:
            to = _safely(step.fall_back, self, error)
            if to is not None and self._send_to(*to):
                return True
        self.route, self.version, self.tried = before
        return False

    def _send_to(self, route: DeploymentRoute, version: ServedVersion) -> bool:
        name = self.request.signature or ""
        if route.entry.tenant != self.key.tenant or version.signatures.get(name) != self.version.signatures.get(name):
            return False
        self.route, self.version, self.tried = route, version, ()
        try:
            self.send()
        except BmsError:
            return False
        return True

    def _leave(self) -> None:
        if self._admitted is not None:
            self.shared.admission.leave(self._admitted)
            self._admitted = None

    def _leave_steps(self, status: int) -> None:
        passed, self._passed = self._passed, ()
        for step in passed:
            _safely(step.ended, self, status)

    def _fail(self, error: BmsError, compute_ns: int) -> None:
        self._end(error.http_status, self._sent, AnswerMeta(True, 0, compute_ns, ()), error)

    def _end(self, status: int, bytes_out: int, meta: AnswerMeta, answer: ExchangeAnswer | BmsError | None) -> None:
        if self._done:
            return
        self._done = True
        shared, entry, number = self.shared, self.route.entry, self.version.number
        if self._admitted is not None:
            shared.admission.leave(self._admitted)
            self._admitted = None
        if self._passed:
            self.bytes_out = bytes_out
            self._leave_steps(status)
        now, took = shared.unix_ns(), perf_counter() - self.began
        refused = isinstance(answer, BmsError) and not (meta.compute_ns or self._sent)  # none of its rows ran
        shared.metrics.answered(entry, number, status, self.rows, meta, now, took)
        total_ns = int(took * 1e9)
        usage: Usage = (
            now,
            entry.tenant,
            self.key.id,
            entry.id,
            entry.model,
            number,
            self.id,
            status,
            0 if refused else self.rows,
            self.bytes_in,
            bytes_out,
            min(meta.compute_ns, total_ns),  # the model server's word for it, as far as it can be true
            min(meta.queue_ns, total_ns),
            total_ns,
            entry.revision,
        )
        shared.write_batch.add((*usage, self.more) if self.more else usage, self, answer)


def _safely(told: Callable[P, T], *args: P.args, **named: P.kwargs) -> T | None:
    """Calls a step; its failure harms no request that is under way."""
    try:
        return told(*args, **named)
    except Exception:
        log.exception("a step of the pipeline failed")
        return None
