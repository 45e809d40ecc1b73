"""Splits a ModelInferRequest into its outline, which a client sends again and again byte for byte and which is parsed
once, and what is new each time: the request's id and the tensors' bytes, which are not copied.

The order of fields is free in protocol buffers, but every writer puts `raw_input_contents`, the field with the largest
number, last. What is written otherwise is parsed whole.
"""

from typing import Any, NamedTuple

from bms.core.errors import InvalidArgument
from bms.protocols.oip.infer import MAX_TENSORS
from bms.protocols.protobuf.pool import message, parse
from bms.protocols.protobuf.wire import content_at

_Request = message("inference.ModelInferRequest")
_TENSOR = 7 << 3 | 2  # the tag of raw_input_contents
_ID = 3 << 3 | 2
_OUTLINE = frozenset(number << 3 | 2 for number in (1, 2, 4, 5, 6))
_LONGEST = 4096  # bytes of an outline that is remembered
_MOST = 1024
_FIELDS = range(4 * MAX_TENSORS)  # that are walked over: of more it is quicker to ask the parser


class InferOutline:
    """A parsed outline: `message` is a ModelInferRequest without id and raw tensors; `plan` belongs to whoever reads
    it."""

    __slots__ = ("message", "plan")

    def __init__(self, message: Any) -> None:
        self.message = message
        self.plan: object = None


class InferMessage(NamedTuple):
    """A request split into outline, id and raw tensors."""

    outline: InferOutline
    id: str | None
    raws: list[memoryview]


_known: dict[bytes, InferOutline] = {}


def read_infer(data: bytes | memoryview) -> InferMessage:
    """Splits a message. Raises InvalidArgument for bytes that are no ModelInferRequest."""
    try:
        parts = _split(data)
    except IndexError:
        parts = None  # it ends within a field, which the parser will say
    if parts is None:
        whole = parse(_Request, data)
        count = len(whole.raw_input_contents)
        if count > MAX_TENSORS:
            raise InvalidArgument(f"raw_input_contents has {count} tensors, expected {MAX_TENSORS} at most")
        return InferMessage(
            InferOutline(whole), whole.id or None, [memoryview(raw) for raw in whole.raw_input_contents]
        )
    head, id, raws = parts
    outline = _known.get(head)
    if outline is None:
        outline = InferOutline(parse(_Request, head))
        if len(head) <= _LONGEST:
            if len(_known) >= _MOST:
                _known.clear()
            _known[head] = outline
    return InferMessage(outline, id, raws)


def _split(data: bytes | memoryview) -> tuple[bytes, str | None, list[memoryview]] | None:
    """Splits a message by its fields; None for what is not in the usual order. Raises IndexError for what ends within a
    field's head."""
    at, end, id, head = 0, len(data), None, b""
    begin = 0  # of what is not in `head` yet
    for _ in _FIELDS:
        if at >= end:
            break
        tag = data[at]
        if tag == _TENSOR:
            break
        start, after = content_at(data, at)
        if after > end or (tag not in _OUTLINE and tag != _ID):
            return None
        if tag == _ID:
            try:
                id = str(data[start:after], "utf-8")
            except UnicodeDecodeError:
                return None
            head += data[begin:at]
            begin = after
        at = after
    else:
        return None
    head += data[begin:at]
    raws: list[memoryview] = []
    view = memoryview(data)
    while at < end:
        start, after = content_at(data, at)
        if after > end or data[at] != _TENSOR or len(raws) == MAX_TENSORS:
            return None
        raws.append(view[start:after])
        at = after
    return head, id or None, raws
