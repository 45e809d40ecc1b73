"""Batches the calls of one loop turn to a model server into frames, and routes the answers back to each.

A frame costs about the same at both ends whether it carries one row or sixty; so calls that may run together share one.
"""

from collections.abc import Hashable, Sequence
from typing import Protocol

from bms.adapters.replicas.arena import Arena
from bms.core.errors import InvalidArgument
from bms.core.tensors.outputs import OutputRows, Together
from bms.core.tensors.sequences import SequenceStep
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import (
    AnswerMeta,
    ErrorMeta,
    Frame,
    FrameType,
    decode_answer,
    decode_error,
    encode_infer,
    encode_infer_calls,
    encode_plain,
    encode_shared,
)

LARGE = 1 << 15  # bytes of a tensor; a call with larger ones travels alone, for joining it would save nothing
_UNSENT = ErrorMeta("UNAVAILABLE", "the model server can't be reached: come again", True)
_LOST = ErrorMeta("INTERNAL", "the model server was lost with this request in its hands", False, lost=True)


class FrameAnswerSink(Protocol):
    """The receiver of a call's answers: gets answers until one is final, or one error; nothing after `cancel`."""

    def on_answer(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> None: ...

    def on_error(self, meta: ErrorMeta) -> None: ...


class SentCall:
    """One call that was handed over, and the name to cancel it by. `sink` is None once it is ended."""

    __slots__ = (
        "__weakref__",
        "most",
        "outputs",
        "params",
        "parcel",
        "places",
        "priority",
        "rows",
        "sequence",
        "signature",
        "sink",
        "tensors",
        "timeout_us",
    )

    def __init__(
        self,
        sink: FrameAnswerSink,
        signature: str,
        tensors: list[Tensor],
        timeout_us: int,
        outputs: tuple[str, ...],
        rows: int,
        most: int,
        priority: int,
        sequence: SequenceStep | None = None,
        params: bytes = b"",
    ) -> None:
        self.sink: FrameAnswerSink | None = sink
        self.signature = signature
        self.tensors = tensors
        self.timeout_us = timeout_us
        self.outputs = outputs
        self.rows = rows
        self.most = most
        self.priority = priority
        self.sequence = sequence
        self.params = params
        self.parcel: CallBatch | None = None  # None: not yet written
        self.places: list[int] | None = None  # in the arena, of each tensor; None: none is there

    def group(self) -> Hashable | None:
        """The key of calls that may share a batch; None: it travels alone."""
        if self.rows >= self.most or self.params:
            return None
        tensors = self.tensors
        if len(tensors) == 1:
            name, array = tensors[0]
            if array.nbytes > LARGE:
                return None
            return (self.signature, self.outputs, self.priority, name, array.dtype, array.shape[1:])
        if max((tensor.array.nbytes for tensor in tensors), default=LARGE + 1) > LARGE:
            return None
        shapes = frozenset((name, array.dtype, array.shape[1:]) for name, array in tensors)
        return (self.signature, self.outputs, self.priority, shapes)


class CallBatch:
    """Calls that share one frame; `open` of them are still pending."""

    __slots__ = ("calls", "id", "open")

    def __init__(self, id: int, calls: list[SentCall]) -> None:
        self.id = id
        self.calls = calls
        self.open = len(calls)


class PendingCalls:
    """The pending calls of one connection."""

    def __init__(self) -> None:
        self._waiting: list[SentCall] = []
        self._parcels: dict[int, CallBatch] = {}
        self._last_id = 0
        self.in_flight = 0
        self.arena: Arena | None = None  # once the server has it mapped

    def fresh_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def add(self, call: SentCall) -> None:
        self._waiting.append(call)
        self.in_flight += 1

    def pack(self) -> list[bytes | memoryview]:
        """Encodes everything that waits as frames, as buffers to write in order."""
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            return self._parcel(waiting) if waiting[0].sink is not None else []
        parts: list[bytes | memoryview] = []
        groups: dict[Hashable, list[SentCall]] = {}
        for call in waiting:
            if call.sink is None:
                continue
            key = call.group()
            group = groups.get(key) if key is not None else None
            if group is None:
                if key is None:
                    parts += self._parcel([call])
                else:
                    groups[key] = [call]
            else:
                group.append(call)
        for group in groups.values():
            most, start, rows = group[0].most, 0, 0
            for at, call in enumerate(group):
                if rows + call.rows > most:
                    parts += self._parcel(group[start:at])
                    start, rows = at, 0
                rows += call.rows
            parts += self._parcel(group[start:] if start else group)
        return parts

    def cancel(self, call: SentCall) -> bytes | None:
        """Cancels a call; a frame to send where nobody waits for its batch any more."""
        if call.sink is None:
            return None
        self._over(call)
        parcel = call.parcel
        if parcel is None:
            return None
        parcel.open -= 1
        if parcel.open:
            return None
        parcel.calls = []  # no cycle is left for the collector
        return encode_plain(FrameType.CANCEL, parcel.id) if self._parcels.pop(parcel.id, None) is not None else None

    def answered(self, frame: Frame) -> None:
        """Delivers an ANSWER frame to its callers. Raises InvalidArgument or msgspec.DecodeError for a broken one."""
        parcel = self._parcels.get(frame.id)
        if parcel is None:
            return
        meta, tensors = decode_answer(frame)
        calls = _named(parcel, meta)
        if len(calls) == 1:
            call = calls[0]
            sink = call.sink
            if sink is not None:
                if meta.final:
                    self._end(call, parcel)
                sink.on_answer(meta, tensors)
            return
        total = 0
        for call in calls:
            total += call.rows
        for _, array in tensors:
            if array.shape[:1] != (total,):
                raise InvalidArgument(f"an answer to {len(calls)} calls gives not one row for each of their {total}")
        if not meta.final:
            raise InvalidArgument(f"an answer to {len(calls)} calls is marked as a part of a stream")
        at, queue_ns, per_row, whole = 0, meta.queue_ns, meta.compute_ns // total, Together(tensors)
        batch = meta.batch
        for call in calls:
            sink, end = call.sink, at + call.rows
            if sink is not None:
                self._end(call, parcel)
                sink.on_answer(
                    AnswerMeta(True, queue_ns, per_row * call.rows, (), 0, 0, batch), OutputRows(whole, at, end)
                )
            at = end

    def failed(self, frame: Frame) -> None:
        """As `answered`, for an ERROR."""
        parcel = self._parcels.get(frame.id)
        if parcel is not None:
            meta = decode_error(frame)
            for call in _named(parcel, meta):
                sink = call.sink
                if sink is not None:
                    self._end(call, parcel)
                    sink.on_error(meta)

    def lose(self) -> None:
        """Fails all pending calls: the connection is gone. What was written may have run; what still waited has not."""
        waiting, self._waiting = self._waiting, []
        parcels, self._parcels = self._parcels, {}
        self.arena = None
        calls = [call for parcel in parcels.values() for call in parcel.calls]
        for parcel in parcels.values():
            parcel.calls = []
        for all_of_them, meta in ((calls, _LOST), (waiting, _UNSENT)):
            for call in all_of_them:
                sink = call.sink
                if sink is not None:
                    self._over(call)
                    sink.on_error(meta)

    def _parcel(self, calls: list[SentCall]) -> list[bytes | memoryview]:
        self._last_id = id = self._last_id + 1
        self._parcels[id] = parcel = CallBatch(id, calls)
        first = calls[0]
        if len(calls) == 1:
            first.parcel = parcel
            if self.arena is not None and first.group() is None and self._put(first, self.arena):
                return encode_shared(
                    id,
                    first.signature,
                    first.tensors,
                    first.places or [],
                    first.timeout_us,
                    first.outputs,
                    first.priority,
                    first.sequence,
                    first.params,
                )
            return encode_infer(
                id,
                first.signature,
                first.tensors,
                first.timeout_us,
                first.outputs,
                first.priority,
                first.sequence,
                first.params,
            )
        timeout, rows, tensors = 0, [], []
        for call in calls:
            call.parcel = parcel
            rows.append(call.rows)
            tensors.append(call.tensors)
            if call.timeout_us > timeout:
                timeout = call.timeout_us
        return encode_infer_calls(id, first.signature, tensors, tuple(rows), timeout, first.outputs, first.priority)

    def _put(self, call: SentCall, arena: Arena) -> bool:
        """Whether any tensor of the call found room in the arena."""
        places = []
        for _, array in call.tensors:
            place = arena.put(array) if array.nbytes > LARGE and array.dtype != object else None
            places.append(-1 if place is None else place)
        if max(places, default=-1) < 0:
            return False
        call.places = places
        return True

    def _over(self, call: SentCall) -> None:
        """Nobody waits for the call any more. A server that still reads it reads what came after, for nobody."""
        call.sink = None
        call.tensors = []  # they may be large, and their request may wait for its client
        self.in_flight -= 1
        if call.places is not None:
            if self.arena is not None:
                for place in call.places:
                    if place >= 0:
                        self.arena.free(place)
            call.places = None

    def _end(self, call: SentCall, parcel: CallBatch) -> None:
        self._over(call)
        parcel.open -= 1
        if not parcel.open:
            parcel.calls = []  # no cycle is left for the collector
            self._parcels.pop(parcel.id, None)


def _named(parcel: CallBatch, meta: AnswerMeta | ErrorMeta) -> list[SentCall]:
    """The calls of the batch that `meta` is for."""
    calls, first, count = parcel.calls, meta.first, meta.count
    if not first and not count:
        return calls
    end = first + count if count else len(calls)
    if not 0 <= first < end <= len(calls):
        raise InvalidArgument(f"an answer to calls {first} to {end} of a parcel of {len(calls)}")
    return calls[first:end]
