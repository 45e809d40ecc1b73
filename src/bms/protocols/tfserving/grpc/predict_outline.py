"""Splits a PredictRequest into its outline, which a client sends again and again byte for byte, and the values of its
tensors, which are not copied.

The values are what `tensor_content`, or packed `float_val` or `double_val`, hold: raw little-endian numbers. Where they
stand is found by walking over the heads of fields; what is written in another way than writers do is parsed whole. A
message as long as one before it is first cut where that one was: if all else is what was around the values there, byte
for byte, so is this, since all heads of fields are in it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bms.core.errors import InvalidArgument
from bms.protocols.oip.infer import MAX_TENSORS
from bms.protocols.protobuf.pool import message, parse
from bms.protocols.protobuf.wire import content_at
from bms.protocols.tfserving.grpc.model_spec import Meant, read_spec

_Request = message("tensorflow.serving.PredictRequest")
_Entry = message("tensorflow.serving.PredictRequest.InputsEntry")
_INPUT = 2 << 3 | 2  # the tag of an entry of `inputs`
_AROUND = frozenset((1 << 3 | 2, _INPUT, 3 << 3 | 2))  # of what stands in a PredictRequest
_KEY, _TENSOR = 1 << 3 | 2, 2 << 3 | 2  # of an entry
_NUMBERS = frozenset((1 << 3, 3 << 3))  # of a TensorProto: dtype and version_number
_SHAPE = 2 << 3 | 2
_VALUES = frozenset((4 << 3 | 2, 5 << 3 | 2, 6 << 3 | 2))
_LONGEST = 4096  # bytes of an outline that is remembered
_MOST = 1024
_FIELDS = range(2 * MAX_TENSORS)  # that are walked over: of more it is quicker to ask the parser
_FIELDS_OF_A_TENSOR = range(16)
Spans = Sequence[tuple[int, int]]  # where values begin and end, in the order of their tensors


class PredictOutline:
    """A parsed outline: a request but for the values, which stand at `spans`. `plan` belongs to whoever reads it."""

    __slots__ = ("filter", "meant", "plan", "spans")

    def __init__(self, request: Any, spans: Spans = ()) -> None:
        self.spans = spans
        self.meant: Meant = read_spec(request)
        count = len(request.output_filter)
        if count > MAX_TENSORS:
            raise InvalidArgument(f"output_filter names {count} outputs, expected {MAX_TENSORS} at most")
        self.filter: tuple[str, ...] = tuple(request.output_filter)
        self.plan: object = None


class PredictMessage(NamedTuple):
    """A request split into outline and values. `raws` are the values of all its tensors, or none, where one is not in
    the usual form; `message` is it parsed, where it had to be."""

    outline: PredictOutline
    raws: list[memoryview]
    data: bytes | memoryview
    message: Any | None

    def parsed(self) -> Any:
        return parse(_Request, self.data) if self.message is None else self.message


_known: dict[bytes, PredictOutline] = {}
_usual: dict[int, Spans] = {}  # of the last known message of that many bytes


def read_predict(data: bytes | memoryview) -> PredictMessage:
    """Splits a message. Raises InvalidArgument for bytes that are no PredictRequest, or do not say which model is
    meant."""
    spans = _usual.get(len(data))
    if spans is not None:
        outline = _known.get(_around(data, spans))
        if outline is not None and outline.spans == spans:
            return _cut(outline, data)
    return _walked(data)


def _walked(data: bytes | memoryview) -> PredictMessage:
    """Splits a message by its fields, since it is not cut as the one before it. Otherwise as `read_predict`."""
    try:
        spans = _spans(data)
    except IndexError:
        spans = None  # it ends within a field, which the parser will say
    if spans is None:
        request = parse(_Request, data)
        return PredictMessage(PredictOutline(request), [], data, request)
    head = _around(data, spans)
    outline = _known.get(head)
    if outline is not None:
        _usual[len(data)] = spans
        return _cut(outline, data)
    request = parse(_Request, data)
    outline = PredictOutline(request, spans)
    if len(head) <= _LONGEST and len(spans) == len(request.inputs):
        if len(_known) >= _MOST:
            _known.clear()
            _usual.clear()
        _known[head] = outline
        _usual[len(data)] = spans
    return _cut(outline, data)._replace(message=request)


def _cut(outline: PredictOutline, data: bytes | memoryview) -> PredictMessage:
    view = memoryview(data)
    return PredictMessage(outline, [view[start:after] for start, after in outline.spans], data, None)


def _around(data: bytes | memoryview, spans: Spans) -> bytes:
    """Returns all but the values: where they stood, the lengths say that stay."""
    pieces: list[bytes | memoryview] = []
    begin = 0
    for start, after in spans:
        pieces.append(data[begin:start])
        begin = after
    pieces.append(data[begin:])
    return b"".join(pieces)


def input_names(data: bytes | memoryview) -> list[str]:
    """Returns the names of the inputs of a request that has raws, in their order."""
    return [parse(_Entry, memoryview(data)[start:after]).key for tag, start, after in _fields(data) if tag == _INPUT]


def _spans(data: bytes | memoryview) -> Spans | None:
    """Returns where the values of each tensor are. None for what is not in the usual form. None for what is not in the
    usual form. Raises IndexError for what ends within a field's head."""
    spans: list[tuple[int, int]] = []
    at, end = 0, len(data)
    for _ in _FIELDS:
        if at >= end:
            break
        tag = data[at]
        start, after = content_at(data, at)
        if after > end or tag not in _AROUND:
            return None
        if tag == _INPUT:
            values = _values(data, start, after)
            if not values:
                return None
            spans.append((values, after))
        at = after
    else:
        return None
    return spans


def _values(data: bytes | memoryview, at: int, end: int) -> int:
    """Returns where the values of an entry of `inputs` begin that end where it does; 0 where it is not so."""
    start, after = content_at(data, at)
    if data[at] != _KEY or after >= end:
        return 0
    at = after
    start, after = content_at(data, at)
    if data[at] != _TENSOR or after != end:
        return 0
    at = start
    for _ in _FIELDS_OF_A_TENSOR:
        if at >= end:
            break
        tag = data[at]
        if tag in _NUMBERS:
            if data[at + 1] > 0x7F:
                return 0
            at += 2
            continue
        start, after = content_at(data, at)
        if tag in _VALUES:
            return start if after == end else 0
        if tag != _SHAPE or after > end:
            return 0
        at = after
    return 0


def _fields(data: bytes | memoryview) -> Iterator[tuple[int, int, int]]:
    at = 0
    while at < len(data):
        start, after = content_at(data, at)
        yield data[at], start, after
        at = after
