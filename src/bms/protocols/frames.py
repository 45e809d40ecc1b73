"""The wire protocol between a gateway and a model server, in frames: a fixed header, a small msgpack part, then raw
tensors.

    offset 0   u64  body length: all that follows the header
           8   u32  length of the msgpack part
          12   u8   kind
          13   u8×3 zero
          16   u64  id, chosen by the client, repeated in the answer
          24        msgpack part, then each tensor's raw bytes in the order of its description

All integers little-endian. Tensors are row-major little-endian, BYTES elements as in OIP v2
(`bms.core.tensors.tensor.to_raw`). Many frames may be in flight either way and answers come in any order.

An INFER frame is a micro-batch: one call, or several that may run together, whose rows follow one another in each
tensor. Its calls are numbered in that order; answers and errors say which of them they are for.

An client's first frame is HELLO, whose msgpack part is the server's token as it is: whoever does not know it is
disconnected without a word.

An client on the same machine may share memory: with HELLO comes the frame SHARED and the descriptor of a sealed memory
file, and the server repeats the frame when it has mapped it. From then on a tensor of an INFER frame may say where in
that memory its bytes lie, instead of bringing them.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Annotated, NamedTuple, TypeVar

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.tensors.sequences import SequenceStep
from bms.core.tensors.tensor import Array, Tensor, dtype_of, from_raw, to_raw

M = TypeVar("M")
HEADER = struct.Struct("<QIB3xQ")
MAX_BODY = 1 << 31


class FrameType(IntEnum):
    """The types of frames."""

    INFER = 1  # client → server: run the model
    ANSWER = 2  # server → client: outputs; many for one INFER when `final` is false
    ERROR = 3  # server → client: a canonical code and a message
    STATUS = 4  # client → server: how are you (no body)
    STATUS_ANSWER = 5  # server → client: a ServableStatus
    CANCEL = 6  # client → server: the caller of INFER `id` is gone (no body)
    GOING_AWAY = 7  # server → clients: finish what is in flight, send no more (id 0)
    SHARED = (
        8  # client → server, with a descriptor: memory to hand large tensors over in; server → client: mapped (id 0)
    )
    HELLO = 9  # client → server, before anything else: the server's token (id 0)


class Frame(NamedTuple):
    """One received frame. `body` is valid as long as it is referenced."""

    kind: int
    id: int
    meta: memoryview
    raw: memoryview


class TensorMeta(msgspec.Struct, array_like=True, frozen=True):
    """A tensor's description: name, data type, shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int  # bytes
    at: int = -1  # where they begin in shared memory; -1: they come in the raw part


class InferMeta(msgspec.Struct, array_like=True, frozen=True):
    """The msgpack part of an INFER frame."""

    signature: str
    timeout_us: int  # what is left of the deadline when sent; 0: none
    outputs: tuple[str, ...]  # wanted; empty: all
    tensors: tuple[TensorMeta, ...]
    rows: tuple[int, ...] = ()  # of each call of the micro-batch; empty: one call, whose rows are the tensors'
    priority: int = 0  # 1: the highest, 0: the usual one
    sequence: SequenceStep | None = None  # of which the one call is a step
    params: bytes = b""  # of all calls of the micro-batch, as `chosen_parameters` writes them


# A model's own code may have written any number here; what is none of these breaks its connection alone.
Counted = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


MOST_TOKENS = 1 << 40
Tokens = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]


class AnswerEnd(msgspec.Struct, array_like=True, frozen=True):
    """How an engine ended a call: `finish` is the reason, in its own words or "", and the tokens are None where it did
    not count."""

    finish: str = ""
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None


class AnswerMeta(msgspec.Struct, array_like=True, frozen=True):
    """The msgpack part of an ANSWER frame."""

    final: bool
    queue_ns: Counted  # waited in the model server
    compute_ns: Counted  # these calls' share of their batch's run
    tensors: tuple[TensorMeta, ...]
    first: int = 0  # of the micro-batch's calls that are answered here
    count: int = 0  # how many calls; 0: all from `first`
    batch: Counted = 0  # rows of the run that they were in; 0: unknown
    end: AnswerEnd | None = None  # of the last answer of an engine, where it tells any of it


class ErrorMeta(msgspec.Struct, array_like=True, frozen=True):
    """The msgpack part of an ERROR frame."""

    code: str
    message: str
    retry: bool  # another replica may well succeed (e.g. this one is draining)
    first: int = 0
    count: int = 0  # as in AnswerMeta
    compute_ns: Counted = 0  # what the model ran before it failed; 0: it was refused before it ran
    lost: bool = False  # an client's own word: the server went away with the call, which may have run
    wait_ms: Counted = 0  # after which to come again; 0: it does not say


_encode = msgspec.msgpack.Encoder().encode
_infer = msgspec.msgpack.Decoder(InferMeta)
_answer = msgspec.msgpack.Decoder(AnswerMeta)
_error = msgspec.msgpack.Decoder(ErrorMeta)


def encode_infer(
    id: int,
    signature: str,
    tensors: list[Tensor],
    timeout_us: int = 0,
    outputs: tuple[str, ...] = (),
    priority: int = 0,
    sequence: SequenceStep | None = None,
    params: bytes = b"",
) -> list[bytes | memoryview]:
    """Encodes an INFER frame of one call, as parts to write in order; the memory of large arrays is referenced, not
    copied."""
    metas, raws, size = _describe(tensors)
    said = (signature, timeout_us, outputs, metas, (), priority)  # an InferMeta
    meta = _encode(_with_more(said, sequence, params))
    return [HEADER.pack(len(meta) + size, len(meta), 1, id) + meta, *raws]


def _with_more(said: tuple[object, ...], sequence: SequenceStep | None, params: bytes) -> tuple[object, ...]:
    """Adds the rare members that have other values than their defaults."""
    if params:
        return (*said, sequence, params)
    return said if sequence is None else (*said, sequence)


def encode_infer_calls(
    id: int,
    signature: str,
    calls: list[list[Tensor]],
    rows: tuple[int, ...],
    timeout_us: int = 0,
    outputs: tuple[str, ...] = (),
    priority: int = 0,
) -> list[bytes | memoryview]:
    """Encodes an INFER frame of several calls that agree in the names, types and inner shapes of their tensors."""
    parts: list[bytes | memoryview] = [b""]
    metas: list[tuple[str, str, tuple[int, ...], int]] = []
    total, size = sum(rows), 0
    for name, array in calls[0]:
        at = len(parts)
        parts += [to_raw(tensor.array) for tensors in calls for tensor in tensors if tensor.name == name]
        taken = sum(map(len, parts[at:]))
        metas.append((name, dtype_of(array), (total, *array.shape[1:]), taken))
        size += taken
    meta = _encode((signature, timeout_us, outputs, metas, rows, priority))
    parts[0] = HEADER.pack(len(meta) + size, len(meta), 1, id) + meta
    return parts


def encode_answer(
    id: int,
    tensors: list[Tensor],
    *,
    queue_ns: int = 0,
    compute_ns: int = 0,
    final: bool = True,
    first: int = 0,
    count: int = 0,
    batch: int = 0,
    end: AnswerEnd | None = None,
) -> list[bytes | memoryview]:
    """Encodes an ANSWER frame as parts to write in order; the memory of large arrays is referenced, not copied."""
    metas, raws, size = _describe(tensors)
    said = (final, queue_ns, compute_ns, metas, first, count, batch)  # an AnswerMeta
    meta = _encode(said if end is None else (*said, end))
    return [HEADER.pack(len(meta) + size, len(meta), 2, id) + meta, *raws]


def encode_error(
    id: int,
    code: str,
    message: str,
    *,
    retry: bool,
    first: int = 0,
    count: int = 0,
    compute_ns: int = 0,
    wait_ms: int = 0,
) -> bytes:
    return _frame(
        FrameType.ERROR, id, _encode(ErrorMeta(code, message, retry, first, count, compute_ns, False, wait_ms))
    )


def encode_plain(kind: FrameType, id: int = 0, meta: bytes = b"") -> bytes:
    """Encodes a frame without tensors: STATUS, CANCEL, GOING_AWAY, or STATUS_ANSWER with its encoded status."""
    return _frame(kind, id, meta)


def encode_shared(
    id: int,
    signature: str,
    tensors: list[Tensor],
    places: list[int],
    timeout_us: int = 0,
    outputs: tuple[str, ...] = (),
    priority: int = 0,
    sequence: SequenceStep | None = None,
    params: bytes = b"",
) -> list[bytes | memoryview]:
    """Encodes an INFER frame some of whose tensors lie in shared memory: `places` says at which byte, -1 for the
    others."""
    metas: list[tuple[str, str, tuple[int, ...], int, int]] = []
    raws: list[bytes | memoryview] = []
    total = 0
    for (name, array), at in zip(tensors, places, strict=True):
        size = array.nbytes
        if at < 0:
            raw = to_raw(array)
            raws.append(raw)
            size = len(raw)
            total += size
        metas.append((name, dtype_of(array), array.shape, size, at))
    said = (signature, timeout_us, outputs, metas, (), priority)
    meta = _encode(_with_more(said, sequence, params))
    return [HEADER.pack(len(meta) + total, len(meta), 1, id) + meta, *raws]


def decode_infer(frame: Frame, shared: memoryview | None = None) -> tuple[InferMeta, list[Tensor]]:
    """Decodes an INFER frame. Raises InvalidArgument (from_raw) or msgspec.DecodeError for one that contradicts
    itself."""
    meta = _meta(_infer, frame)
    return meta, _tensors(meta.tensors, frame.raw, shared)


def decode_answer(frame: Frame) -> tuple[AnswerMeta, list[Tensor]]:
    meta = _meta(_answer, frame)
    return meta, _tensors(meta.tensors, frame.raw)


def decode_error(frame: Frame) -> ErrorMeta:
    return _meta(_error, frame)


class FrameReader:
    """Cuts a byte stream into frames."""

    def __init__(self, max_body: int = MAX_BODY) -> None:
        self._buffer = bytearray()
        self._max_body = max_body

    def feed(self, data: bytes | memoryview) -> Iterator[Frame]:
        """Returns every frame that `data` completes. Raises InvalidArgument for an invalid header."""
        if self._buffer:
            self._buffer += data
            view = memoryview(self._buffer)
        else:
            view = memoryview(data)  # whole frames, mostly: they are read where they are
        at, frames = 0, []
        while len(view) - at >= HEADER.size:
            body, meta, kind, id = HEADER.unpack_from(view, at)
            if body > self._max_body or meta > body:
                raise InvalidArgument(
                    f"frame declares {body} bytes with {meta} of them described; limit {self._max_body}"
                )
            if len(view) - at - HEADER.size < body:
                break
            start = at + HEADER.size
            frames.append(Frame(kind, id, view[start : start + meta], view[start + meta : start + body]))
            at = start + body
        # Frames keep the old buffer alive; what is left moves to a new one, so nothing is overwritten under them.
        if at or not self._buffer:
            self._buffer = bytearray(view[at:])
        return iter(frames)


def _meta(decoder: msgspec.msgpack.Decoder[M], frame: Frame) -> M:
    try:
        return decoder.decode(frame.meta)
    except UnicodeDecodeError as error:  # which msgspec lets pass
        raise msgspec.DecodeError(f"text that is not UTF-8: {error}") from None


def _describe(
    tensors: list[Tensor],
) -> tuple[list[tuple[str, str, tuple[int, ...], int]], list[bytes | memoryview], int]:
    """Returns a TensorMeta's fields for each tensor, the raw parts, and their bytes together."""
    metas: list[tuple[str, str, tuple[int, ...], int]] = []
    raws: list[bytes | memoryview] = []
    total = 0
    for name, array in tensors:
        raw = to_raw(array)
        size = len(raw)
        total += size
        metas.append((name, dtype_of(array), array.shape, size))
        raws.append(raw)
    return metas, raws, total


def _tensors(metas: tuple[TensorMeta, ...], raw: memoryview, shared: memoryview | None = None) -> list[Tensor]:
    tensors, at = [], 0
    for meta in metas:
        if meta.at >= 0:
            tensors.append(Tensor(meta.name, _shared_array(meta, shared)))
            continue
        if not 0 <= meta.size <= len(raw) - at:
            raise InvalidArgument(f"tensor {meta.name!r} declares {meta.size} bytes, {len(raw) - at} are left")
        tensors.append(Tensor(meta.name, from_raw(meta.dtype, meta.shape, raw[at : at + meta.size])))
        at += meta.size
    if at != len(raw):
        raise InvalidArgument(f"{len(raw) - at} bytes are left over after the last tensor")
    return tensors


def _shared_array(meta: TensorMeta, shared: memoryview | None) -> Array:
    if shared is None or meta.dtype == "BYTES" or not 0 <= meta.size <= len(shared) - meta.at:
        raise InvalidArgument(f"tensor {meta.name!r} lies in memory that is not shared")
    return from_raw(meta.dtype, meta.shape, shared[meta.at : meta.at + meta.size])


def _frame(kind: FrameType, id: int, meta: bytes) -> bytes:
    return HEADER.pack(len(meta), len(meta), kind, id) + meta
